import { family, type LayerPass } from '@chop/core';
import { residual, rmsNorm, rope } from '@chop/kernels';
import type * as tf from '@tensorflow/tfjs-core';
import { attend, forwardRms, gated, normedRms, project, queriesKeysValues, rotary } from './blocks.js';
import { grouped } from './config.js';
import { llamaFromGguf } from './llama-gguf.js';
import { llamaSettings, type LlamaSettings, resizeLlama } from './llama-settings.js';
import { attentionRows, gatedRows, headNormRows, modelTable } from './rows.js';

/**
 * The Llama family and its close kin: Llama 1–3, Mistral, Qwen2, Qwen3, SmolLM. Grouped queries, rotary positions, RMSNorm before
 * each half of a layer, SwiGLU; optional biases, norms of queries and keys, sliding windows, tied embeddings.
 */
export const llama = family<LlamaSettings>({
  name: 'llama',
  description: 'Llama, Mistral, Qwen2, Qwen3, SmolLM: grouped queries, RoPE, RMSNorm, SwiGLU (Touvron et al., arXiv 2302.13971).',
  architectures: ['LlamaForCausalLM', 'MistralForCausalLM', 'Qwen2ForCausalLM', 'Qwen3ForCausalLM'],
  settings: llamaSettings,
  ...grouped,
  resize: resizeLlama,
  gguf: llamaFromGguf,

  table: ({ tied, attentionBias, outputBias, ffnBias, queryKeyNorm }) =>
    modelTable(tied, {
      attentionNorm: ['input_layernorm.weight', 'width'],
      ...attentionRows({ biased: attentionBias, outputBiased: outputBias }),
      ...(queryKeyNorm ? headNormRows : {}),
      ffnNorm: ['post_attention_layernorm.weight', 'width'],
      ...gatedRows(ffnBias),
    }),

  forward: forwardRms((at, x, settings) => {
    const mixed = at.needed(attended(at, normedRms(at, 'attentionNorm', x, settings), settings));
    const between = residual(at.needed(x), project(at, 'o', mixed));
    const h = normedRms(at, 'ffnNorm', between, settings);
    return residual(between, project(at, 'down', gated(at, h)));
  }),
});

/** Self-attention of `[batch, tokens, width]`; heads are `kv·group`, so that the queries of one group share its keys. */
function attended(at: LayerPass, x: tf.Tensor, { eps, sliding, theta, scaling }: LlamaSettings): tf.Tensor {
  const inner = at.size('inner');
  const tables = rotary(at.pass, x.shape[1]!, { inner, theta, scaling });
  const heads = queriesKeysValues(at, x, inner);
  const placed = (role: 'q' | 'k'): tf.Tensor => {
    const gain = at.optional(`${role}Norm`);
    return rope(gain ? rmsNorm(heads[role], gain, { eps }) : heads[role], tables);
  };
  return attend(at, { q: placed('q'), k: placed('k'), v: heads.v }, { window: sliding[at.at] });
}
