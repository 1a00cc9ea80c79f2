import { type Axes, type AxisRule, CheckpointError, type Config, expectationOf, shown } from '@chop/core';
import type { RopeScaling } from '@chop/kernels';
import { z } from 'zod';
import { layerConfig, layerSizes, type LayerSizes, perLayerSchema } from './per-layer.js';
import { scalingOf, scalingSchema } from './rope-scaling.js';
import { count, layerCount } from './sizes.js';

export { count, layerCount };

/** Keys that most families have. */
export const groupedSchema = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: layerCount,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  per_layer_config: perLayerSchema.nullish(),
  head_dim: count.nullish(),
  rope_theta: z.number().positive().default(10000),
  rope_scaling: scalingSchema.nullish(),
  rope_parameters: scalingSchema.nullish(),
  max_position_embeddings: z.number().positive().nullish(),
  original_max_position_embeddings: z.number().positive().nullish(),
  layer_types: z.array(z.string()).nullish(),
  hidden_act: z.string().default('silu'),
  rms_norm_eps: z.number().positive().default(1e-6),
  attention_bias: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(false),
});

/** What the table and the forward pass need of a model whose queries share keys and values in groups. */
export interface GroupedSettings {
  readonly layers: number;
  readonly width: number;
  readonly ffn: number;
  readonly kvHeads: number;
  /** Query heads per key and value head. */
  readonly groups: number;
  /** Where layers differ in their FFN or heads: the sizes of each. */
  readonly perLayer?: readonly LayerSizes[];
  /** Size of a head. */
  readonly inner: number;
  /** Features of a head that are turned by its position: the first ones. */
  readonly turned: number;
  readonly vocab: number;
  readonly eps: number;
  readonly theta: number;
  readonly scaling: RopeScaling;
  /** The output layer is the embedding. */
  readonly tied: boolean;
}

/** What the table and the forward pass need of a model whose heads have keys of their own, with GELU. */
export interface PlainSettings {
  readonly layers: number;
  readonly width: number;
  readonly ffn: number;
  readonly heads: number;
  /** Size of a head. */
  readonly inner: number;
  readonly vocab: number;
  readonly eps: number;
  /** The form of GELU. */
  readonly approximate: 'none' | 'tanh';
  /** The output layer is the embedding. */
  readonly tied: boolean;
}

/**
 * The config, checked.
 *
 * @throws {@link CheckpointError} `CONFIG_INVALID` for a missing or impossible value.
 */
export function readConfig<S extends z.ZodType>(schema: S, config: Config): z.output<S> {
  const parsed = schema.safeParse(config);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new CheckpointError('CONFIG_INVALID', {
    found: `config.json with ${issue.path.join('.')} = ${shown(config[String(issue.path[0])])}`,
    expected: expectationOf(issue.message),
  });
}

/** `CONFIG_UNSUPPORTED`: a feature that the family lacks. */
export function unsupported(found: string, expected: string): CheckpointError {
  return new CheckpointError('CONFIG_UNSUPPORTED', { found, expected, remedy: 'A plugin can add a family with it.' });
}

/**
 * @param turned - which part of a head is turned by its position.
 * @throws {@link CheckpointError} `CONFIG_INVALID` for heads that do not divide, `CONFIG_UNSUPPORTED` for rotary frequencies of another kind.
 */
export function groupedSettings(c: z.output<typeof groupedSchema>, turned = 1): GroupedSettings {
  const heads = c.num_attention_heads;
  const kvHeads = c.num_key_value_heads ?? heads;
  if (heads % kvHeads !== 0)
    throw new CheckpointError('CONFIG_INVALID', {
      found: `${heads} query heads and ${kvHeads} key-value heads`,
      expected: 'a whole number of query heads per key-value head',
    });
  const inner = c.head_dim ?? Math.floor(c.hidden_size / heads);
  const context = { context: c.max_position_embeddings, original: c.original_max_position_embeddings };
  const common = { intermediate_size: c.intermediate_size, num_key_value_heads: kvHeads, num_attention_heads: heads };
  const perLayer = layerSizes(c.per_layer_config, c.num_hidden_layers, common);
  return {
    ...(perLayer ? { perLayer } : {}),
    layers: c.num_hidden_layers,
    width: c.hidden_size,
    ffn: c.intermediate_size,
    kvHeads,
    groups: heads / kvHeads,
    inner,
    turned: Math.floor(inner * turned),
    vocab: c.vocab_size,
    eps: c.rms_norm_eps,
    theta: c.rope_parameters?.rope_theta ?? c.rope_theta,
    scaling: scalingOf(c.rope_parameters ?? c.rope_scaling, { turned: Math.floor(inner * turned), ...context }),
    tied: c.tie_word_embeddings,
  };
}

/** @throws {@link CheckpointError} `CONFIG_UNSUPPORTED` for another activation than the sigmoid linear unit. */
export function expectSilu({ hidden_act: activation }: { readonly hidden_act: string }): void {
  if (activation !== 'silu') throw unsupported(`hidden_act ${activation}`, 'silu');
}

/** The form of GELU that a config's spelling means. */
export function geluOf(key: string, name: string): 'none' | 'tanh' {
  const forms = new Map<string, 'none' | 'tanh'>([
    ['gelu', 'none'],
    ['gelu_new', 'tanh'],
    ['gelu_fast', 'tanh'],
    ['gelu_pytorch_tanh', 'tanh'],
  ]);
  const form = forms.get(name);
  if (form === undefined) throw unsupported(`${key} ${name}`, [...forms.keys()].join(', '));
  return form;
}

/** Layers, width, FFN and vocabulary, and between them heads of a size that stays. */
export function axesOf(
  { layers, width, ffn, inner, vocab }: { layers: number; width: number; ffn: number; inner: number; vocab: number },
  heads: Readonly<Record<string, number>>,
  pinned = `The size of a head is bound to its rotary frequencies: drop whole heads instead (${Object.keys(heads).join(' or ')}).`,
): Readonly<Record<string, AxisRule>> {
  const counted = Object.entries(heads).map(([axis, size]) => [axis, { size, perLayer: true, uniform: true }]);
  return {
    layer: { size: layers },
    width: { size: width, multiple: 64 },
    ffn: { size: ffn, perLayer: true, uniform: true, multiple: 64 },
    ...(Object.fromEntries(counted) as Record<string, AxisRule>),
    inner: { size: inner, perLayer: true, uniform: true, pinned },
    vocab: { size: vocab, pinned: 'The vocabulary belongs to the tokenizer.' },
  };
}

/** The axes of a model with grouped queries: layers may differ in their FFN and heads. */
function groupedAxes({ perLayer, ...settings }: GroupedSettings): Readonly<Record<string, AxisRule>> {
  const rules = axesOf(settings, { kv: settings.kvHeads, group: settings.groups });
  const free = (axis: 'ffn' | 'kv' | 'group'): AxisRule => ({
    ...rules[axis]!,
    uniform: false,
    ...(perLayer ? { sizes: perLayer.map((layer) => layer[axis]) } : {}),
  });
  return { ...rules, ffn: free('ffn'), kv: free('kv'), group: free('group') };
}

/** Their config after an edit: sizes written back, per-layer lists cut along, layers that differ in `per_layer_config`. */
export function resizeGrouped({ per_layer_config: _, ...config }: Config, axes: Axes, layers: ArrayLike<number> | undefined): Config {
  const types = config['layer_types'];
  return {
    ...config,
    num_hidden_layers: axes.layers,
    hidden_size: axes.size('width'),
    head_dim: axes.common('inner'),
    ...layerConfig(axes),
    ...(Array.isArray(types) && layers ? { layer_types: Array.from(layers, (at) => types[at] as string) } : {}),
  };
}

/** What such families have in common beside their weights: axes, how a config is cut, and what files may hold besides. */
export const grouped = {
  axes: groupedAxes,
  longBeyond: ({ scaling }: GroupedSettings): number | undefined => (scaling.kind === 'longrope' ? scaling.original_max_position_embeddings : undefined),
  resize: resizeGrouped,
  ignores: (name: string): boolean => name.endsWith('rotary_emb.inv_freq') || name === 'lm_head.weight',
} as const;
