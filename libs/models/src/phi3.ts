import { type Config, family, type LayerPass } from '@chop/core';
import { residual, rope, swiglu } from '@chop/kernels';
import type * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { attend, forwardRms, headsOf, normedRms, parts, project, rotary } from './blocks.js';
import { count, expectSilu, grouped, groupedSchema, type GroupedSettings, groupedSettings, readConfig } from './config.js';
import { phi3InGguf } from './grouped-gguf.js';
import { modelTable } from './rows.js';

const configSchema = groupedSchema.extend({
  rms_norm_eps: z.number().positive().default(1e-5),
  original_max_position_embeddings: z.number().positive().default(4096),
  partial_rotary_factor: z.number().positive().max(1).default(1),
  sliding_window: count.nullish(),
});

/** What the forward pass and the table need of a config. */
export interface Phi3Settings extends GroupedSettings {
  /** How many tokens back a query sees; `undefined` = all of them. */
  readonly window: number | undefined;
}

function settingsOf(config: Config): Phi3Settings {
  const c = readConfig(configSchema, config);
  expectSilu(c);
  return { ...groupedSettings(c, c.partial_rotary_factor), window: c.sliding_window ?? undefined };
}

/** Phi-3 and Phi-4: a Llama whose queries, keys and values are one matrix, gate and up another; a part of each head may stay unturned. */
export const phi3 = family<Phi3Settings>({
  name: 'phi3',
  description: 'Phi-3, Phi-4: Llama with fused projections (Abdin et al., arXiv 2404.14219).',
  architectures: ['Phi3ForCausalLM'],
  settings: settingsOf,
  ...grouped,
  gguf: phi3InGguf(settingsOf),

  table: ({ tied }) =>
    modelTable(tied, {
      attentionNorm: ['input_layernorm.weight', 'width'],
      qkv: ['self_attn.qkv_proj.weight', 'kv·group·inner + 2·kv·inner', 'width'],
      o: ['self_attn.o_proj.weight', 'width', 'kv·group·inner'],
      ffnNorm: ['post_attention_layernorm.weight', 'width'],
      gateUp: ['mlp.gate_up_proj.weight', '2·ffn', 'width'],
      down: ['mlp.down_proj.weight', 'width', 'ffn'],
    }),

  forward: forwardRms((at, x, settings) => {
    const ffn = at.size('ffn');
    const mixed = at.needed(attended(at, normedRms(at, 'attentionNorm', x, settings), settings));
    const between = residual(at.needed(x), project(at, 'o', mixed));
    const [gate, up] = parts(project(at, 'gateUp', normedRms(at, 'ffnNorm', between, settings)), [ffn, ffn]);
    return residual(between, project(at, 'down', swiglu(gate!, up!)));
  }),
});

function attended(at: LayerPass, x: tf.Tensor, { theta, scaling, turned, window }: Phi3Settings): tf.Tensor {
  const [kv, group, inner] = [at.size('kv'), at.size('group'), at.size('inner')];
  const [q, k, v] = parts(project(at, 'qkv', x), [kv * group * inner, kv * inner, kv * inner]).map((each) => headsOf(each, inner));
  const tables = rotary(at.pass, x.shape[1]!, { inner: turned, theta, scaling });
  return attend(at, { q: rope(q!, tables), k: rope(k!, tables), v: v! }, { window });
}
