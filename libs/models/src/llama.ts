import { family, type LayerPass } from '@chop/core';
import { embedding, projection, residual, rmsNorm, rope, swiglu } from '@chop/kernels';
import type * as tf from '@tensorflow/tfjs-core';
import { attend, headsOf, project, rotary } from './blocks.js';
import { groupedAxes } from './config.js';
import { llamaFromGguf } from './llama-gguf.js';
import { llamaSettings, type LlamaSettings, resizeLlama } from './llama-settings.js';

/**
 * The Llama family and its close kin: Llama 1–3, Mistral, Qwen2, Qwen3, SmolLM. Grouped queries, rotary positions, RMSNorm before
 * each half of a layer, SwiGLU; optional biases, norms of queries and keys, sliding windows, tied embeddings.
 */
export const llama = family<LlamaSettings>({
  name: 'llama',
  description: 'Llama, Mistral, Qwen2, Qwen3, SmolLM: grouped queries, RoPE, RMSNorm, SwiGLU (Touvron et al., arXiv 2302.13971).',
  architectures: ['LlamaForCausalLM', 'MistralForCausalLM', 'Qwen2ForCausalLM', 'Qwen3ForCausalLM'],
  settings: llamaSettings,
  resize: resizeLlama,
  gguf: llamaFromGguf,
  ignores: (name) => name.endsWith('rotary_emb.inv_freq') || name === 'lm_head.weight',

  axes: groupedAxes,

  table: ({ tied, attentionBias, outputBias, ffnBias, queryKeyNorm }) => ({
    outer: {
      embed: ['model.embed_tokens.weight', 'vocab', 'width'],
      norm: ['model.norm.weight', 'width'],
      ...(tied ? {} : { head: ['lm_head.weight', 'vocab', 'width'] as const }),
    },
    prefix: (at) => `model.layers.${at}.`,
    layer: {
      attentionNorm: ['input_layernorm.weight', 'width'],
      q: ['self_attn.q_proj.weight', 'kv·group·inner', 'width'],
      k: ['self_attn.k_proj.weight', 'kv·inner', 'width'],
      v: ['self_attn.v_proj.weight', 'kv·inner', 'width'],
      o: ['self_attn.o_proj.weight', 'width', 'kv·group·inner'],
      ...(attentionBias
        ? ({
            qBias: ['self_attn.q_proj.bias', 'kv·group·inner'],
            kBias: ['self_attn.k_proj.bias', 'kv·inner'],
            vBias: ['self_attn.v_proj.bias', 'kv·inner'],
          } as const)
        : {}),
      ...(outputBias ? { oBias: ['self_attn.o_proj.bias', 'width'] as const } : {}),
      ...(queryKeyNorm ? ({ qNorm: ['self_attn.q_norm.weight', 'inner'], kNorm: ['self_attn.k_norm.weight', 'inner'] } as const) : {}),
      ffnNorm: ['post_attention_layernorm.weight', 'width'],
      gate: ['mlp.gate_proj.weight', 'ffn', 'width'],
      up: ['mlp.up_proj.weight', 'ffn', 'width'],
      down: ['mlp.down_proj.weight', 'width', 'ffn'],
      ...(ffnBias
        ? ({ gateBias: ['mlp.gate_proj.bias', 'ffn'], upBias: ['mlp.up_proj.bias', 'ffn'], downBias: ['mlp.down_proj.bias', 'width'] } as const)
        : {}),
    },
  }),

  forward: {
    embed: (pass, ids) => embedding(pass.weight('embed'), ids),

    layer(at, x, settings) {
      const { eps } = settings;
      const live = at.live('width');
      const mixed = attended(at, rmsNorm(x, at.weight('attentionNorm'), { eps, live }), settings);
      const between = residual(x, project(at, 'o', mixed));
      const h = rmsNorm(between, at.weight('ffnNorm'), { eps, live });
      return residual(between, project(at, 'down', swiglu(project(at, 'gate', h), project(at, 'up', h))));
    },

    project: (pass, x, { eps, tied }) => projection(rmsNorm(x, pass.weight('norm'), { eps, live: pass.live('width') }), pass.weight(tied ? 'embed' : 'head')),
  },
});

/** Self-attention of `[batch, tokens, width]`; heads are `kv·group`, so that the queries of one group share its keys. */
function attended(at: LayerPass, x: tf.Tensor, { eps, sliding, theta, scaling }: LlamaSettings): tf.Tensor {
  const inner = at.size('inner');
  const tables = rotary(at.pass, x.shape[1]!, { inner, theta, scaling });
  const placed = (role: 'q' | 'k'): tf.Tensor => {
    const gain = at.optional(`${role}Norm`);
    const heads = headsOf(project(at, role, x), inner);
    return rope(gain ? rmsNorm(heads, gain, { eps }) : heads, tables);
  };
  return attend(at, { q: placed('q'), k: placed('k'), v: headsOf(project(at, 'v', x), inner) }, { window: sliding[at.at] });
}
