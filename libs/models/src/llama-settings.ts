import type { Axes, Config } from '@chop/core';
import { z } from 'zod';
import { count, expectSilu, groupedSchema, type GroupedSettings, groupedSettings, readConfig, resizeGrouped } from './config.js';

/** What the forward pass and the table need of a config. */
export interface LlamaSettings extends GroupedSettings {
  readonly attentionBias: boolean;
  readonly outputBias: boolean;
  readonly ffnBias: boolean;
  readonly queryKeyNorm: boolean;
  /** Per layer: how many tokens back a query sees; `undefined` = all of them. */
  readonly sliding: readonly (number | undefined)[];
}

const configSchema = groupedSchema.extend({
  model_type: z.string().optional(),
  mlp_bias: z.boolean().default(false),
  sliding_window: count.nullish(),
  use_sliding_window: z.boolean().optional(),
  max_window_layers: z.number().int().min(0).optional(),
});

type LlamaConfig = z.output<typeof configSchema>;

/**
 * Reads a config.json of the family.
 *
 * @throws {@link CheckpointError} `CONFIG_INVALID` for a missing or impossible value, `CONFIG_UNSUPPORTED` for a feature the family lacks.
 */
export function llamaSettings(config: Config): LlamaSettings {
  const c = readConfig(configSchema, config);
  const settings = groupedSettings(c);
  expectSilu(c);
  const qwen2 = c.model_type === 'qwen2' || isArchitecture(config, 'Qwen2ForCausalLM');
  const qwen3 = c.model_type === 'qwen3' || isArchitecture(config, 'Qwen3ForCausalLM');
  return {
    ...settings,
    attentionBias: qwen2 || c.attention_bias,
    outputBias: !qwen2 && c.attention_bias,
    ffnBias: c.mlp_bias,
    queryKeyNorm: qwen3,
    sliding: slidingOf(c, qwen2 || qwen3),
  };
}

/** The config after an edit: sizes written back, per-layer lists cut along. */
export function resizeLlama(config: Config, axes: Axes, layers: ArrayLike<number> | undefined): Config {
  const windowed = config['max_window_layers'];
  return {
    ...resizeGrouped(config, axes, layers),
    ...(layers && typeof windowed === 'number' ? { max_window_layers: Array.from(layers).filter((at) => at < windowed).length } : {}),
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

function isArchitecture(config: Config, name: string): boolean {
  return Array.isArray(config['architectures']) && config['architectures'].includes(name);
}
