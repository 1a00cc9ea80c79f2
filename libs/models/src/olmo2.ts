import { type Config, family, type LayerPass } from '@chop/core';
import { residual, rmsNorm, rope } from '@chop/kernels';
import type * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { attend, forwardRms, gated, headsOf, normedRms, project, rotary } from './blocks.js';
import { expectSilu, grouped, groupedSchema, type GroupedSettings, groupedSettings, readConfig } from './config.js';
import { olmo2InGguf } from './grouped-gguf.js';
import { attentionRows, gatedRows, modelTable } from './rows.js';

const configSchema = groupedSchema.extend({ rms_norm_eps: z.number().positive().default(1e-5) });

/** What the forward pass and the table need of a config. */
export interface Olmo2Settings extends GroupedSettings {
  readonly biased: boolean;
}

function settingsOf(config: Config): Olmo2Settings {
  const c = readConfig(configSchema, config);
  expectSilu(c);
  return { ...groupedSettings(c), biased: c.attention_bias };
}

/** OLMo 2: norms behind attention and feed-forward network instead of before them, and over all queries, and all keys, of a token at once. */
export const olmo2 = family<Olmo2Settings>({
  name: 'olmo2',
  description: 'OLMo 2: RMSNorm after each half of a layer, over queries and keys too (OLMo et al., arXiv 2501.00656).',
  architectures: ['Olmo2ForCausalLM'],
  settings: settingsOf,
  ...grouped,
  gguf: olmo2InGguf(settingsOf),

  table: ({ tied, biased }) =>
    modelTable(tied, {
      ...attentionRows({ biased }),
      qNorm: ['self_attn.q_norm.weight', 'kv·group·inner'],
      kNorm: ['self_attn.k_norm.weight', 'kv·inner'],
      attentionNorm: ['post_attention_layernorm.weight', 'width'],
      ...gatedRows(),
      ffnNorm: ['post_feedforward_layernorm.weight', 'width'],
    }),

  forward: forwardRms((at, x, settings) => {
    const mixed = project(at, 'o', at.needed(attended(at, x, settings)));
    const between = residual(at.needed(x), normedRms(at, 'attentionNorm', mixed, settings));
    return residual(between, normedRms(at, 'ffnNorm', project(at, 'down', gated(at, between)), settings));
  }),
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
