import { type Config, family, type LayerPass } from '@chop/core';
import { embedding, projection, residual, rmsNorm, rope, type RopeScaling, swiglu } from '@chop/kernels';
import type * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { attend, headsOf, project, rotary } from './blocks.js';
import { groupedAxes, groupedSchema, type GroupedSizes, groupedSizes, readConfig, resizeGrouped, rotaryOf, unsupported } from './config.js';
import { olmo2FromGguf } from './grouped-gguf.js';

const configSchema = groupedSchema.extend({
  hidden_act: z.string().default('silu'),
  rms_norm_eps: z.number().positive().default(1e-5),
  attention_bias: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(false),
});

/** What the forward pass and the table need of a config. */
export interface Olmo2Settings extends GroupedSizes {
  readonly eps: number;
  readonly theta: number;
  readonly scaling: RopeScaling;
  readonly biased: boolean;
  readonly tied: boolean;
}

function settingsOf(config: Config): Olmo2Settings {
  const c = readConfig(configSchema, config);
  if (c.hidden_act !== 'silu') throw unsupported(`hidden_act ${c.hidden_act}`, 'silu');
  return { ...groupedSizes(c), ...rotaryOf(c), eps: c.rms_norm_eps, biased: c.attention_bias, tied: c.tie_word_embeddings };
}

/** OLMo 2: norms behind attention and feed-forward network instead of before them, and over all queries, and all keys, of a token at once. */
export const olmo2 = family<Olmo2Settings>({
  name: 'olmo2',
  description: 'OLMo 2: RMSNorm after each half of a layer, over queries and keys too (OLMo et al., arXiv 2501.00656).',
  architectures: ['Olmo2ForCausalLM'],
  settings: settingsOf,
  resize: resizeGrouped,
  gguf: olmo2FromGguf,
  ignores: (name) => name.endsWith('rotary_emb.inv_freq') || name === 'lm_head.weight',

  axes: groupedAxes,

  table: ({ tied, biased }) => ({
    outer: {
      embed: ['model.embed_tokens.weight', 'vocab', 'width'],
      norm: ['model.norm.weight', 'width'],
      ...(tied ? {} : { head: ['lm_head.weight', 'vocab', 'width'] as const }),
    },
    prefix: (at) => `model.layers.${at}.`,
    layer: {
      q: ['self_attn.q_proj.weight', 'kv·group·inner', 'width'],
      k: ['self_attn.k_proj.weight', 'kv·inner', 'width'],
      v: ['self_attn.v_proj.weight', 'kv·inner', 'width'],
      o: ['self_attn.o_proj.weight', 'width', 'kv·group·inner'],
      ...(biased
        ? ({
            qBias: ['self_attn.q_proj.bias', 'kv·group·inner'],
            kBias: ['self_attn.k_proj.bias', 'kv·inner'],
            vBias: ['self_attn.v_proj.bias', 'kv·inner'],
            oBias: ['self_attn.o_proj.bias', 'width'],
          } as const)
        : {}),
      qNorm: ['self_attn.q_norm.weight', 'kv·group·inner'],
      kNorm: ['self_attn.k_norm.weight', 'kv·inner'],
      attentionNorm: ['post_attention_layernorm.weight', 'width'],
      gate: ['mlp.gate_proj.weight', 'ffn', 'width'],
      up: ['mlp.up_proj.weight', 'ffn', 'width'],
      down: ['mlp.down_proj.weight', 'width', 'ffn'],
      ffnNorm: ['post_feedforward_layernorm.weight', 'width'],
    },
  }),

  forward: {
    embed: (pass, ids) => embedding(pass.weight('embed'), ids),

    layer(at, x, settings) {
      const norm = { eps: settings.eps, live: at.live('width') };
      const between = residual(x, rmsNorm(project(at, 'o', attended(at, x, settings)), at.weight('attentionNorm'), norm));
      const gated = swiglu(project(at, 'gate', between), project(at, 'up', between));
      return residual(between, rmsNorm(project(at, 'down', gated), at.weight('ffnNorm'), norm));
    },

    project: (pass, x, { eps, tied }) => projection(rmsNorm(x, pass.weight('norm'), { eps, live: pass.live('width') }), pass.weight(tied ? 'embed' : 'head')),
  },
});

function attended(at: LayerPass, x: tf.Tensor, { eps, theta, scaling }: Olmo2Settings): tf.Tensor {
  const inner = at.size('inner');
  const tables = rotary(at.pass, x.shape[1]!, { inner, theta, scaling });
  const keys = at.live('kv') * inner;
  const placed = (role: 'q' | 'k', live: number): tf.Tensor => {
    return rope(headsOf(rmsNorm(project(at, role, x), at.weight(`${role}Norm`), { eps, live }), inner), tables);
  };
  return attend(at, { q: placed('q', keys * at.live('group')), k: placed('k', keys), v: headsOf(project(at, 'v', x), inner) });
}
