import { type Config, family, type LayerPass } from '@chop/core';
import { embedding, projection, residual, rmsNorm, rope, type RopeScaling, swiglu } from '@chop/kernels';
import type * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { attend, headsOf, parts, project, rotary } from './blocks.js';
import { count, groupedAxes, groupedSchema, type GroupedSizes, groupedSizes, readConfig, resizeGrouped, rotaryOf, unsupported } from './config.js';
import { phi3FromGguf } from './grouped-gguf.js';

const configSchema = groupedSchema.extend({
  hidden_act: z.string().default('silu'),
  rms_norm_eps: z.number().positive().default(1e-5),
  partial_rotary_factor: z.number().positive().max(1).default(1),
  sliding_window: count.nullish(),
  tie_word_embeddings: z.boolean().default(false),
});

/** What the forward pass and the table need of a config. */
export interface Phi3Settings extends GroupedSizes {
  readonly eps: number;
  readonly theta: number;
  readonly scaling: RopeScaling;
  /** Features of a head that are turned by its position: the first ones. */
  readonly turned: number;
  /** How many tokens back a query sees; `undefined` = all of them. */
  readonly window: number | undefined;
  readonly tied: boolean;
}

function settingsOf(config: Config): Phi3Settings {
  const c = readConfig(configSchema, config);
  if (c.hidden_act !== 'silu') throw unsupported(`hidden_act ${c.hidden_act}`, 'silu');
  const sizes = groupedSizes(c);
  return {
    ...sizes,
    ...rotaryOf(c),
    eps: c.rms_norm_eps,
    turned: Math.floor(sizes.inner * c.partial_rotary_factor),
    window: c.sliding_window ?? undefined,
    tied: c.tie_word_embeddings,
  };
}

/** Phi-3 and Phi-4: a Llama whose queries, keys and values are one matrix, gate and up another; a part of each head may stay unturned. */
export const phi3 = family<Phi3Settings>({
  name: 'phi3',
  description: 'Phi-3, Phi-4: Llama with fused projections (Abdin et al., arXiv 2404.14219).',
  architectures: ['Phi3ForCausalLM'],
  settings: settingsOf,
  resize: resizeGrouped,
  gguf: phi3FromGguf,
  ignores: (name) => name.endsWith('rotary_emb.inv_freq') || name === 'lm_head.weight',

  axes: groupedAxes,

  table: ({ tied }) => ({
    outer: {
      embed: ['model.embed_tokens.weight', 'vocab', 'width'],
      norm: ['model.norm.weight', 'width'],
      ...(tied ? {} : { head: ['lm_head.weight', 'vocab', 'width'] as const }),
    },
    prefix: (at) => `model.layers.${at}.`,
    layer: {
      attentionNorm: ['input_layernorm.weight', 'width'],
      qkv: ['self_attn.qkv_proj.weight', 'kv·group·inner + 2·kv·inner', 'width'],
      o: ['self_attn.o_proj.weight', 'width', 'kv·group·inner'],
      ffnNorm: ['post_attention_layernorm.weight', 'width'],
      gateUp: ['mlp.gate_up_proj.weight', '2·ffn', 'width'],
      down: ['mlp.down_proj.weight', 'width', 'ffn'],
    },
  }),

  forward: {
    embed: (pass, ids) => embedding(pass.weight('embed'), ids),

    layer(at, x, settings) {
      const [norm, ffn] = [{ eps: settings.eps, live: at.live('width') }, at.size('ffn')];
      const between = residual(x, project(at, 'o', attended(at, rmsNorm(x, at.weight('attentionNorm'), norm), settings)));
      const [gate, up] = parts(project(at, 'gateUp', rmsNorm(between, at.weight('ffnNorm'), norm)), [ffn, ffn]);
      return residual(between, project(at, 'down', swiglu(gate!, up!)));
    },

    project: (pass, x, { eps, tied }) => projection(rmsNorm(x, pass.weight('norm'), { eps, live: pass.live('width') }), pass.weight(tied ? 'embed' : 'head')),
  },
});

function attended(at: LayerPass, x: tf.Tensor, { theta, scaling, turned, window }: Phi3Settings): tf.Tensor {
  const [kv, group, inner] = [at.size('kv'), at.size('group'), at.size('inner')];
  const [q, k, v] = parts(project(at, 'qkv', x), [kv * group * inner, kv * inner, kv * inner]).map((each) => headsOf(each, inner));
  const tables = rotary(at.pass, x.shape[1]!, { inner: turned, theta, scaling });
  return attend(at, { q: rope(q!, tables), k: rope(k!, tables), v: v! }, { window });
}
