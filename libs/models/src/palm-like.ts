import { type Config, family } from '@chop/core';
import { embedding, join, layerNorm, projection, residual, rope, type RopeScaling, swiglu } from '@chop/kernels';
import type * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { attend, headsOf, parts, project, rotary } from './blocks.js';
import { groupedAxes, groupedSchema, type GroupedSizes, groupedSizes, readConfig, resizeGrouped, rotaryOf } from './config.js';

const configSchema = groupedSchema.extend({
  layer_norm_eps: z.number().positive().default(1e-5),
  tie_word_embeddings: z.boolean().default(true),
});

/** What the forward pass and the table need of a config. */
export interface PalmLikeSettings extends GroupedSizes {
  readonly eps: number;
  readonly theta: number;
  readonly scaling: RopeScaling;
  readonly tied: boolean;
}

function settingsOf(config: Config): PalmLikeSettings {
  const c = readConfig(configSchema, config);
  return { ...groupedSizes(c), ...rotaryOf(c), eps: c.layer_norm_eps, tied: c.tie_word_embeddings };
}

/**
 * The family of "Just CHOP" (arXiv 2305.14864, appendix A), after PaLM (arXiv 2204.02311): attention and feed-forward network side by side behind one
 * LayerNorm, one matrix into both (queries, keys, values, gate, up) and one out of both, LayerNorm on queries and keys. No biases.
 */
export const palmLike = family<PalmLikeSettings>({
  name: 'palm-like',
  description: 'The models of "Just CHOP": parallel blocks, one input and one output matrix a layer, SwiGLU (arXiv 2305.14864, appendix A).',
  architectures: ['PalmLikeForCausalLM'],
  settings: settingsOf,
  resize: resizeGrouped,

  axes: groupedAxes,

  table: ({ tied }) => ({
    outer: {
      embed: ['model.embed_tokens.weight', 'vocab', 'width'],
      norm: ['model.norm.weight', 'width'],
      ...(tied ? {} : { head: ['lm_head.weight', 'vocab', 'width'] as const }),
    },
    prefix: (at) => `model.layers.${at}.`,
    layer: {
      inputNorm: ['norm.weight', 'width'],
      into: ['in_proj.weight', 'kv·group·inner + 2·kv·inner + 2·ffn', 'width'],
      qNorm: ['q_norm.weight', 'inner'],
      kNorm: ['k_norm.weight', 'inner'],
      out: ['out_proj.weight', 'width', 'kv·group·inner + ffn'],
    },
  }),

  forward: {
    embed: (pass, ids) => embedding(pass.weight('embed'), ids),

    layer(at, x, { eps, theta, scaling }) {
      const [kv, group, inner, ffn] = [at.size('kv'), at.size('group'), at.size('inner'), at.size('ffn')];
      const h = layerNorm(x, at.weight('inputNorm'), { eps, live: at.live('width') });
      const [q, k, v, gate, up] = parts(project(at, 'into', h), [kv * group * inner, kv * inner, kv * inner, ffn, ffn]);
      const tables = rotary(at.pass, x.shape[1]!, { inner, theta, scaling });
      const placed = (heads: tf.Tensor, role: string): tf.Tensor => rope(layerNorm(headsOf(heads, inner), at.weight(role), { eps }), tables);
      const mixed = attend(at, { q: placed(q!, 'qNorm'), k: placed(k!, 'kNorm'), v: headsOf(v!, inner) });
      return residual(x, project(at, 'out', join(mixed, swiglu(gate!, up!))));
    },

    project: (pass, x, { eps, tied }) => projection(layerNorm(x, pass.weight('norm'), { eps, live: pass.live('width') }), pass.weight(tied ? 'embed' : 'head')),
  },
});
