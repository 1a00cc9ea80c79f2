import type { Blueprint, Config, GgufNames } from '@chop/core';
import type { PlainSettings } from './config.js';
import { type GgufFacts, plainFacts, unsupported } from './gguf-layout.js';
import { ggufNames } from './gguf-names.js';
import type { GptNeoxSettings } from './gpt-neox.js';

/** What GPT-2 and GPT-NeoX files have in common beyond the names. */
const [WEIGHT, BIAS] = ['.weight', '.bias'];
const both = (from: string, to: string): Record<string, string> => ({ [from + WEIGHT]: to + WEIGHT, [from + BIAS]: to + BIAS });

/** GPT-2 in GGUF files: matrices stand there as `[out, in]`. */
export const gpt2InGguf = (settings: (config: Config) => PlainSettings): GgufNames =>
  ggufNames({
    architectures: ['gpt2'],
    outer: {
      'token_embd.weight': 'transformer.wte.weight',
      'position_embd.weight': 'transformer.wpe.weight',
      ...both('output_norm', 'transformer.ln_f'),
      'output.weight': 'lm_head.weight',
    },
    layer: {
      attn_norm: 'ln_1',
      attn_qkv: 'attn.c_attn',
      attn_output: 'attn.c_proj',
      ffn_norm: 'ln_2',
      ffn_up: 'mlp.c_fc',
      ffn_down: 'mlp.c_proj',
    },
    prefix: 'transformer.h.',
    facts: (blueprint) => plainFacts(blueprint, 'gpt2', settings(blueprint.config), blueprint.config['n_positions']),
    config: (metadata) => ({
      architectures: ['GPT2LMHeadModel'],
      model_type: 'gpt2',
      ...metadata.common(),
      n_positions: metadata.need('context_length'),
      n_embd: metadata.need('embedding_length'),
      n_layer: metadata.need('block_count'),
      n_head: metadata.need('attention.head_count'),
      n_inner: metadata.need('feed_forward_length'),
      layer_norm_epsilon: metadata.needDecimal('attention.layer_norm_epsilon'),
    }),
  });

/** GPT-NeoX in GGUF files: all queries, then all keys, then all values, instead of head by head. */
export const gptNeoxInGguf = (settings: (config: Config) => GptNeoxSettings): GgufNames =>
  ggufNames({
    architectures: ['gptneox'],
    outer: {
      'token_embd.weight': 'gpt_neox.embed_in.weight',
      ...both('output_norm', 'gpt_neox.final_layer_norm'),
      'output.weight': 'embed_out.weight',
    },
    layer: {
      attn_norm: 'input_layernorm',
      attn_qkv: 'attention.query_key_value',
      attn_output: 'attention.dense',
      ffn_norm: 'post_attention_layernorm',
      ffn_up: 'mlp.dense_h_to_4h',
      ffn_down: 'mlp.dense_4h_to_h',
    },
    prefix: 'gpt_neox.layers.',
    facts: (blueprint) => gptNeoxFacts(blueprint, settings(blueprint.config)),
    rows(part, rows, inner) {
      if (part !== 'attn_qkv') return undefined;
      const features = rows / 3;
      return Int32Array.from({ length: rows }, (_, row) => {
        const [head, kind, feature] = [Math.floor(row / (3 * inner)), Math.floor(row / inner) % 3, row % inner];
        return kind * features + head * inner + feature;
      });
    },
    config: (metadata) => ({
      architectures: ['GPTNeoXForCausalLM'],
      model_type: 'gpt_neox',
      ...metadata.common(),
      max_position_embeddings: metadata.need('context_length'),
      hidden_size: metadata.need('embedding_length'),
      num_hidden_layers: metadata.need('block_count'),
      num_attention_heads: metadata.need('attention.head_count'),
      intermediate_size: metadata.need('feed_forward_length'),
      rotary_pct: (metadata.need('rope.dimension_count') * metadata.need('attention.head_count')) / metadata.need('embedding_length'),
      rotary_emb_base: metadata.number('rope.freq_base') ?? 10000,
      layer_norm_eps: metadata.needDecimal('attention.layer_norm_epsilon'),
      use_parallel_residual: metadata.value('use_parallel_residual') !== false,
      attention_bias: metadata.raw.tensors.has('blk.0.attn_qkv.bias'),
    }),
  });

function gptNeoxFacts(blueprint: Blueprint, settings: GptNeoxSettings): GgufFacts {
  if (!settings.biased) throw unsupported('attention without biases', 'attention with biases');
  if (settings.tied) throw unsupported('an output layer that is the embedding', 'an output layer of its own');
  if (settings.scaling.kind !== 'none') throw unsupported(`rotary frequencies that are stretched (${settings.scaling.kind})`);
  const facts = plainFacts(blueprint, 'gptneox', settings, blueprint.config['max_position_embeddings']);
  return {
    ...facts,
    whole: { ...facts.whole, 'rope.dimension_count': settings.turned },
    floats: { ...facts.floats, 'rope.freq_base': settings.theta },
    flags: { use_parallel_residual: settings.parallel },
  };
}
