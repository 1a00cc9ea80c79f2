import { type Axes, CheckpointError, type Config, expectationOf } from '@chop/core';
import type { RopeScaling } from '@chop/kernels';
import { z } from 'zod';

/** What the forward pass and the table need of a config. */
export interface LlamaSettings {
  readonly layers: number;
  readonly width: number;
  readonly ffn: number;
  readonly kvHeads: number;
  /** Query heads per key and value head. */
  readonly groups: number;
  /** Size of a head. */
  readonly inner: number;
  readonly vocab: number;
  readonly eps: number;
  readonly theta: number;
  readonly scaling: RopeScaling;
  readonly tied: boolean;
  readonly attentionBias: boolean;
  readonly outputBias: boolean;
  readonly ffnBias: boolean;
  readonly queryKeyNorm: boolean;
  /** Per layer: how many tokens back a query sees; `undefined` = all of them. */
  readonly sliding: readonly (number | undefined)[];
}

const count = z
  .number()
  .int()
  .min(1)
  .max(1 << 24);

/** Twenty times the deepest models in use: a config that lies about it would fill the memory with names of weights. */
const MAX_LAYERS = 4096;

const scalingSchema = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  factor: z.number().positive().optional(),
  low_freq_factor: z.number().positive().optional(),
  high_freq_factor: z.number().positive().optional(),
  original_max_position_embeddings: z.number().positive().optional(),
  rope_theta: z.number().positive().optional(),
});

const configSchema = z.looseObject({
  model_type: z.string().optional(),
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count.max(MAX_LAYERS),
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  hidden_act: z.string().default('silu'),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_theta: z.number().positive().default(10000),
  rope_scaling: scalingSchema.nullish(),
  rope_parameters: scalingSchema.nullish(),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  sliding_window: count.nullish(),
  use_sliding_window: z.boolean().optional(),
  max_window_layers: z.number().int().min(0).optional(),
  layer_types: z.array(z.string()).nullish(),
});

type LlamaConfig = z.output<typeof configSchema>;

/**
 * Reads a config.json of the family.
 *
 * @throws {@link CheckpointError} `CONFIG_INVALID` for a missing or impossible value, `CONFIG_UNSUPPORTED` for a feature the family lacks.
 */
export function llamaSettings(config: Config): LlamaSettings {
  const parsed = configSchema.safeParse(config);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new CheckpointError('CONFIG_INVALID', {
      found: `config.json with ${issue.path.join('.')} = ${JSON.stringify(config[String(issue.path[0])])}`,
      expected: expectationOf(issue.message),
    });
  }
  const c = parsed.data;
  const heads = c.num_attention_heads;
  const kvHeads = c.num_key_value_heads ?? heads;
  if (heads % kvHeads !== 0)
    throw new CheckpointError('CONFIG_INVALID', {
      found: `${heads} query heads and ${kvHeads} key-value heads`,
      expected: 'a whole number of query heads per key-value head',
    });
  if (c.hidden_act !== 'silu') throw unsupported(`hidden_act ${c.hidden_act}`, 'silu');
  const qwen2 = c.model_type === 'qwen2' || isArchitecture(config, 'Qwen2ForCausalLM');
  const qwen3 = c.model_type === 'qwen3' || isArchitecture(config, 'Qwen3ForCausalLM');
  return {
    layers: c.num_hidden_layers,
    width: c.hidden_size,
    ffn: c.intermediate_size,
    kvHeads,
    groups: heads / kvHeads,
    inner: c.head_dim ?? Math.floor(c.hidden_size / heads),
    vocab: c.vocab_size,
    eps: c.rms_norm_eps,
    theta: c.rope_parameters?.rope_theta ?? c.rope_theta,
    scaling: scalingOf(c.rope_parameters ?? c.rope_scaling ?? {}),
    tied: c.tie_word_embeddings,
    attentionBias: qwen2 || c.attention_bias,
    outputBias: !qwen2 && c.attention_bias,
    ffnBias: c.mlp_bias,
    queryKeyNorm: qwen3,
    sliding: slidingOf(c, qwen2 || qwen3),
  };
}

/** The config after an edit: sizes written back, per-layer lists cut along. Layers that differ are refused when the model is written. */
export function resizeLlama(config: Config, axes: Axes, layers: ArrayLike<number> | undefined): Config {
  const kv = axes.common('kv');
  const group = axes.common('group');
  const types = config['layer_types'];
  return {
    ...config,
    num_hidden_layers: axes.layers,
    hidden_size: axes.size('width'),
    head_dim: axes.common('inner'),
    ...(axes.common('ffn') === undefined ? {} : { intermediate_size: axes.common('ffn') }),
    ...(kv === undefined ? {} : { num_key_value_heads: kv }),
    ...(kv === undefined || group === undefined ? {} : { num_attention_heads: kv * group }),
    ...(Array.isArray(types) && layers ? { layer_types: Array.from(layers, (at) => types[at] as string) } : {}),
    ...(layers && typeof config['max_window_layers'] === 'number'
      ? { max_window_layers: Array.from(layers).filter((at) => at < (config['max_window_layers'] as number)).length }
      : {}),
  };
}

function slidingOf(c: LlamaConfig, qwen: boolean): (number | undefined)[] {
  const window = c.sliding_window ?? undefined;
  const on = window !== undefined && (c.use_sliding_window ?? !qwen);
  return Array.from({ length: c.num_hidden_layers }, (_, at) => {
    if (!on) return undefined;
    if (c.layer_types) return c.layer_types[at] === 'sliding_attention' ? window : undefined;
    return qwen && at < (c.max_window_layers ?? 0) ? undefined : window;
  });
}

/** Kinds of transformers' `rope_scaling`; the old spelling of its type is `type`. */
function scalingOf(given: z.output<typeof scalingSchema>): RopeScaling {
  const kind = given.rope_type ?? given.type ?? 'default';
  const need = (key: 'factor' | 'low_freq_factor' | 'high_freq_factor' | 'original_max_position_embeddings'): number => {
    const value = given[key];
    if (value === undefined) throw new CheckpointError('CONFIG_INVALID', { found: `rope_scaling of kind ${kind} without ${key}`, expected: 'a number' });
    return value;
  };
  if (kind === 'default') return { kind: 'none' };
  if (kind === 'linear') return { kind: 'linear', factor: need('factor') };
  if (kind === 'llama3') {
    const keys = ['factor', 'low_freq_factor', 'high_freq_factor', 'original_max_position_embeddings'] as const;
    return { kind: 'llama3', ...(Object.fromEntries(keys.map((key) => [key, need(key)])) as Record<(typeof keys)[number], number>) };
  }
  throw unsupported(`rope_scaling of kind ${kind}`, 'none, linear or llama3');
}

function unsupported(found: string, expected: string): CheckpointError {
  return new CheckpointError('CONFIG_UNSUPPORTED', { found, expected, remedy: 'A plugin can add a family with it.' });
}

function isArchitecture(config: Config, name: string): boolean {
  return Array.isArray(config['architectures']) && config['architectures'].includes(name);
}
