import { type Config, family } from '@chop/core';
import { join, layerNorm, residual, rope, swiglu } from '@chop/kernels';
import type * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { attend, forwardLayer, headsOf, normedLayer, parts, project, rotary } from './blocks.js';
import { grouped, groupedSchema, type GroupedSettings, groupedSettings, readConfig } from './config.js';
import { modelTable } from './rows.js';

const configSchema = groupedSchema.extend({
  layer_norm_eps: z.number().positive().default(1e-5),
  tie_word_embeddings: z.boolean().default(true),
});

function settingsOf(config: Config): GroupedSettings {
  const c = readConfig(configSchema, config);
  return { ...groupedSettings(c), eps: c.layer_norm_eps };
}

/**
 * The family of "Just CHOP" (arXiv 2305.14864, appendix A), after PaLM (arXiv 2204.02311): attention and feed-forward network side by side behind one
 * LayerNorm, one matrix into both (queries, keys, values, gate, up) and one out of both, LayerNorm on queries and keys. No biases.
 */
export const palmLike = family<GroupedSettings>({
  name: 'palm-like',
  description: 'The models of "Just CHOP": parallel blocks, one input and one output matrix a layer, SwiGLU (arXiv 2305.14864, appendix A).',
  architectures: ['PalmLikeForCausalLM'],
  settings: settingsOf,
  ...grouped,

  table: ({ tied }) =>
    modelTable(tied, {
      inputNorm: ['norm.weight', 'width'],
      into: ['in_proj.weight', 'kv·group·inner + 2·kv·inner + 2·ffn', 'width'],
      qNorm: ['q_norm.weight', 'inner'],
      kNorm: ['k_norm.weight', 'inner'],
      out: ['out_proj.weight', 'width', 'kv·group·inner + ffn'],
    }),

  forward: forwardLayer((at, x, { eps, theta, scaling }) => {
    const [kv, group, inner, ffn] = [at.size('kv'), at.size('group'), at.size('inner'), at.size('ffn')];
    const h = normedLayer(at, 'inputNorm', x, { eps });
    const [q, k, v, gate, up] = parts(project(at, 'into', h), [kv * group * inner, kv * inner, kv * inner, ffn, ffn]);
    const tables = rotary(at.pass, x.shape[1]!, { inner, theta, scaling });
    const placed = (heads: tf.Tensor, role: string): tf.Tensor => rope(layerNorm(headsOf(heads, inner), at.weight(role), { eps }), tables);
    const mixed = attend(at, { q: placed(q!, 'qNorm'), k: placed(k!, 'kNorm'), v: headsOf(v!, inner) });
    return residual(at.needed(x), project(at, 'out', at.needed(join(mixed, swiglu(gate!, up!)))));
  }),
});
