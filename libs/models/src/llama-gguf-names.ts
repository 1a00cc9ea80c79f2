/** Tensors of the whole model, and of a layer, by their names in GGUF files. */
export const OUTER: Readonly<Record<string, string>> = {
  'token_embd.weight': 'model.embed_tokens.weight',
  'output_norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight',
};
/** What stands behind `blk.AT.` and `model.layers.AT.`. */
export const LAYER: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};
/** Llama whose layers differ: NVIDIA's Nemotron (DeciLM) in llama.cpp, the same arithmetic with FFN and heads of each layer's own number. */
export const UNEVEN_LLAMA = 'deci';
/** What an architecture of a GGUF file is called in a config. */
export const ARCHITECTURES: Readonly<Record<string, { name: string; type: string }>> = {
  llama: { name: 'LlamaForCausalLM', type: 'llama' },
  [UNEVEN_LLAMA]: { name: 'LlamaForCausalLM', type: 'llama' },
  qwen2: { name: 'Qwen2ForCausalLM', type: 'qwen2' },
  qwen3: { name: 'Qwen3ForCausalLM', type: 'qwen3' },
};
