import { CheckpointError, type GgufNames } from '@chop/core';
import { ggufNames } from './gguf-names.js';
import { LAYER, OUTER } from './llama-gguf-names.js';

/** What these families call as llama does. */
const { attn_norm, attn_output, attn_q, attn_k, attn_v, attn_q_norm, attn_k_norm, ffn_norm, ffn_gate, ffn_up, ffn_down } = LAYER as Record<string, string>;
const ATTENTION = { attn_q: attn_q!, attn_k: attn_k!, attn_v: attn_v!, attn_output: attn_output!, attn_q_norm: attn_q_norm!, attn_k_norm: attn_k_norm! };
const FEED_FORWARD = { ffn_gate: ffn_gate!, ffn_up: ffn_up!, ffn_down: ffn_down! };
const PREFIX = 'model.layers.';

/** Phi-3 in GGUF files. */
export const phi3FromGguf: GgufNames = ggufNames({
  architectures: ['phi3'],
  outer: OUTER,
  layer: {
    attn_norm: attn_norm!,
    attn_qkv: 'self_attn.qkv_proj',
    attn_output: attn_output!,
    ffn_norm: ffn_norm!,
    ffn_up: 'mlp.gate_up_proj',
    ffn_down: ffn_down!,
  },
  prefix: PREFIX,
  config(metadata) {
    const [grouped, turned, window] = [metadata.grouped(), metadata.number('rope.dimension_count'), metadata.number('attention.sliding_window')];
    if (metadata.raw.tensors.has('rope_factors_long.weight'))
      throw new CheckpointError('CONFIG_UNSUPPORTED', {
        file: metadata.raw.source,
        found: 'frequencies for long texts (longrope)',
        expected: 'one set of them',
      });
    return {
      architectures: ['Phi3ForCausalLM'],
      model_type: 'phi3',
      ...grouped,
      ...(turned === undefined ? {} : { partial_rotary_factor: turned / (grouped['head_dim'] as number) }),
      ...(window ? { sliding_window: window } : {}),
    };
  },
});

/** OLMo 2 in GGUF files. */
export const olmo2FromGguf: GgufNames = ggufNames({
  architectures: ['olmo2'],
  outer: OUTER,
  layer: { ...ATTENTION, ...FEED_FORWARD, post_attention_norm: 'post_attention_layernorm', post_ffw_norm: 'post_feedforward_layernorm' },
  prefix: PREFIX,
  config: (metadata) => ({
    architectures: ['Olmo2ForCausalLM'],
    model_type: 'olmo2',
    ...metadata.grouped(),
    attention_bias: metadata.raw.tensors.has('blk.0.attn_q.bias'),
  }),
});

/** The largest Gemma 3 scales its scores by the width over the heads, the others by the size of a head (llama.cpp tells it by its layers, too). */
const LARGEST_LAYERS = 62;

/** Gemma 3 in GGUF files: gains stand there as they are used, not as their distance from one. */
export const gemma3FromGguf: GgufNames = ggufNames({
  architectures: ['gemma3'],
  outer: OUTER,
  layer: {
    ...ATTENTION,
    ...FEED_FORWARD,
    attn_norm: attn_norm!,
    post_attention_norm: 'post_attention_layernorm',
    ffn_norm: 'pre_feedforward_layernorm',
    post_ffw_norm: 'post_feedforward_layernorm',
  },
  prefix: PREFIX,
  excess: (name) => (/norm\.weight$/.test(name) ? 1 : 0),
  config(metadata) {
    const grouped = metadata.grouped();
    const [width, heads, inner, layers] = ['hidden_size', 'num_attention_heads', 'head_dim', 'num_hidden_layers'].map((key) => grouped[key] as number);
    return {
      architectures: ['Gemma3ForCausalLM'],
      model_type: 'gemma3_text',
      ...grouped,
      hidden_activation: 'gelu_pytorch_tanh',
      rope_theta: metadata.number('rope.freq_base') ?? 1_000_000,
      rope_local_base_freq: metadata.number('rope.freq_base_swa') ?? 10_000,
      sliding_window: metadata.need('attention.sliding_window'),
      query_pre_attn_scalar: layers === LARGEST_LAYERS ? width! / heads! : inner,
    };
  },
});
