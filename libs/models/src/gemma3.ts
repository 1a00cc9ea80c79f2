import { type Axes, type Config, family, type LayerPass } from '@chop/core';
import { affine, geglu, residual, rmsNorm, rope } from '@chop/kernels';
import type * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { attend, embedded, headsOf, predicted, project, rotary } from './blocks.js';
import { count, grouped, groupedSchema, type GroupedSettings, groupedSettings, readConfig, resizeGrouped, unsupported } from './config.js';
import { gemma3InGguf } from './grouped-gguf.js';
import { attentionRows, gatedRows, headNormRows, modelTable } from './rows.js';

const configSchema = groupedSchema.extend({
  head_dim: count.default(256),
  hidden_activation: z.string().default('gelu_pytorch_tanh'),
  rope_theta: z.number().positive().default(1_000_000),
  rope_local_base_freq: z.number().positive().default(10_000),
  query_pre_attn_scalar: z.number().positive().default(256),
  sliding_window: count.default(4096),
  sliding_window_pattern: count.default(6),
  tie_word_embeddings: z.boolean().default(true),
  use_bidirectional_attention: z.boolean().default(false),
  final_logit_softcapping: z.number().nullish(),
  attn_logit_softcapping: z.number().nullish(),
});

/** What the forward pass and the table need of a config; `theta` and `scaling` are of the layers that see all tokens. */
export interface Gemma3Settings extends GroupedSettings {
  /** Base of the rotary frequencies of the layers that see a window. */
  readonly nearTheta: number;
  /** Of the scores. */
  readonly scale: number;
  /** Per layer: how many tokens back a query sees; `undefined` = all of them. */
  readonly sliding: readonly (number | undefined)[];
  readonly biased: boolean;
}

function settingsOf(config: Config): Gemma3Settings {
  const c = readConfig(configSchema, config);
  if (c.hidden_activation !== 'gelu_pytorch_tanh') throw unsupported(`hidden_activation ${c.hidden_activation}`, 'gelu_pytorch_tanh');
  if (c.use_bidirectional_attention) throw unsupported('attention in both directions', 'causal attention');
  if ((c.final_logit_softcapping ?? c.attn_logit_softcapping ?? null) !== null) throw unsupported('capped logits, as of Gemma 2', 'null, as of Gemma 3');
  return {
    ...groupedSettings(c),
    nearTheta: c.rope_local_base_freq,
    scale: c.query_pre_attn_scalar ** -0.5,
    sliding: layerTypes(c).map((type) => (type === 'sliding_attention' ? c.sliding_window : undefined)),
    biased: c.attention_bias,
  };
}

/** Which layers see a window: all but every sixth, where the config does not tell. */
function layerTypes(c: z.output<typeof configSchema>): readonly string[] {
  return c.layer_types ?? Array.from({ length: c.num_hidden_layers }, (_, at) => ((at + 1) % c.sliding_window_pattern === 0 ? '' : 'sliding_attention'));
}

/** The types of the layers that stay are written out: their pattern is broken. */
function resize(config: Config, axes: Axes, layers: ArrayLike<number> | undefined): Config {
  const types = layerTypes(readConfig(configSchema, config)).map((type) => type || 'full_attention');
  return resizeGrouped(layers ? { ...config, layer_types: types } : config, axes, layers);
}

/**
 * Gemma 3, its text: RMSNorm before and after each half of a layer, its gains stored as their distance from one; GeGLU; norms of queries and keys; most layers
 * see a window, by rotary frequencies of their own; embeddings times the root of the width.
 */
export const gemma3 = family<Gemma3Settings>({
  name: 'gemma3',
  description: 'Gemma 3 (text): norms before and after, GeGLU, sliding layers with their own RoPE (Gemma Team, arXiv 2503.19786).',
  architectures: ['Gemma3ForCausalLM'],
  settings: settingsOf,
  ...grouped,
  resize,
  gguf: gemma3InGguf(settingsOf),

  table: ({ tied, biased }) =>
    modelTable(tied, {
      attentionNorm: ['input_layernorm.weight', 'width'],
      ...attentionRows({ biased }),
      ...headNormRows,
      attendedNorm: ['post_attention_layernorm.weight', 'width'],
      ffnNorm: ['pre_feedforward_layernorm.weight', 'width'],
      ...gatedRows(),
      fedNorm: ['post_feedforward_layernorm.weight', 'width'],
    }),

  forward: {
    embed: (pass, ids) => affine(embedded(pass, ids), { scale: Math.sqrt(pass.live('width')) }),

    layer(at, x, settings) {
      const normed = (role: string, of: tf.Tensor): tf.Tensor => norm(of, at.weight(role), { eps: settings.eps, live: at.live('width') });
      const mixed = project(at, 'o', at.needed(attended(at, normed('attentionNorm', x), settings)));
      const between = residual(at.needed(x), normed('attendedNorm', mixed));
      const h = normed('ffnNorm', between);
      const gated = geglu(project(at, 'gate', h), project(at, 'up', h), { approximate: 'tanh' });
      return residual(between, normed('fedNorm', project(at, 'down', gated)));
    },

    project: (pass, x, { eps, tied }) => predicted(pass, norm(x, pass.weight('norm'), { eps, live: pass.live('width') }), tied),
  },
});

/** RMSNorm with the gain `1 + stored`. */
function norm(x: tf.Tensor, stored: tf.Tensor, options: { eps: number; live?: number }): tf.Tensor {
  return rmsNorm(x, affine(stored, { shift: 1 }), options);
}

function attended(at: LayerPass, x: tf.Tensor, { eps, theta, scaling, nearTheta, scale, sliding }: Gemma3Settings): tf.Tensor {
  const [inner, window] = [at.size('inner'), sliding[at.at]];
  const tables = rotary(at.pass, x.shape[1]!, { inner, ...(window === undefined ? { theta, scaling } : { theta: nearTheta }) });
  const placed = (role: 'q' | 'k'): tf.Tensor => rope(norm(headsOf(project(at, role, x), inner), at.weight(`${role}Norm`), { eps }), tables);
  return attend(at, { q: placed('q'), k: placed('k'), v: headsOf(project(at, 'v', x), inner) }, { window, scale });
}
