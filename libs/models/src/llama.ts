import { family, type LayerPass, type Pass } from '@chop/core';
import { attention, embedding, linear, projection, reshape, residual, rmsNorm, rope, type RopeTables, ropeTables, swiglu } from '@chop/kernels';
import type * as tf from '@tensorflow/tfjs-core';
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

  axes: ({ layers, width, ffn, kvHeads, groups, inner, vocab }) => ({
    layer: { size: layers },
    width: { size: width, multiple: 64 },
    ffn: { size: ffn, perLayer: true, uniform: true, multiple: 64 },
    kv: { size: kvHeads, perLayer: true, uniform: true },
    group: { size: groups, perLayer: true, uniform: true },
    inner: {
      size: inner,
      perLayer: true,
      uniform: true,
      pinned: 'The size of a head is bound to its rotary frequencies: drop whole heads instead (kv or group).',
    },
    vocab: { size: vocab, pinned: 'The vocabulary belongs to the tokenizer.' },
  }),

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
      const live = at.pass.live('width');
      const attended = attend(at, rmsNorm(x, at.weight('attentionNorm'), { eps, live }), settings);
      const between = residual(x, project(at, 'o', attended));
      const h = rmsNorm(between, at.weight('ffnNorm'), { eps, live });
      return residual(between, project(at, 'down', swiglu(project(at, 'gate', h), project(at, 'up', h))));
    },

    project: (pass, x, { eps, tied }) => projection(rmsNorm(x, pass.weight('norm'), { eps, live: pass.live('width') }), pass.weight(tied ? 'embed' : 'head')),
  },
});

/** Causal self-attention of `[batch, tokens, width]`; heads are `kv·group`, so that the queries of one group share its keys. */
function attend(at: LayerPass, x: tf.Tensor, { eps, sliding, ...positions }: LlamaSettings): tf.Tensor {
  const [batch, tokens] = x.shape as [number, number];
  const [kv, group, inner] = [at.size('kv'), at.size('group'), at.size('inner')];
  const heads = (role: 'q' | 'k' | 'v', count: number): tf.Tensor => reshape(project(at, role, x), [batch, tokens, count, inner]);
  const tables = rotary(at.pass, tokens, inner, positions);
  const placed = (role: 'q' | 'k', count: number): tf.Tensor => {
    const gain = at.optional(`${role}Norm`);
    return rope(gain ? rmsNorm(heads(role, count), gain, { eps }) : heads(role, count), tables);
  };
  const q = placed('q', kv * group);
  const { cache, segments } = at.pass.options;
  const fresh = { k: placed('k', kv), v: heads('v', kv) };
  const { k, v } = cache ? cache.append(at.at, fresh.k, fresh.v) : fresh;
  const window = sliding[at.at];
  const mixed = attention(q, k, v, { offset: at.pass.position, ...(window ? { window } : {}), ...(segments ? { segments } : {}) });
  return reshape(mixed, [batch, tokens, kv * group * inner]);
}

/** The linear layer of a role, its input tapped as `layers.AT.ROLE.input`. */
function project(at: LayerPass, role: string, x: tf.Tensor): tf.Tensor {
  return linear(at.tap(`${role}.input`, x), at.weight(role), at.optional(`${role}Bias`));
}

function rotary(pass: Pass, tokens: number, inner: number, { theta, scaling }: Pick<LlamaSettings, 'theta' | 'scaling'>): RopeTables {
  return pass.shared(`rope ${tokens}`, (offset) => ropeTables({ positions: tokens, offset, inner, theta, scaling }) as never);
}
