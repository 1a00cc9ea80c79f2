import type { WeightRow, WeightTable } from '@chop/core';

type Rows = Readonly<Record<string, WeightRow>>;

/** The table of a model that is called `model` without its head: embedding, last norm, the output layer where it is a weight of its own, and the rows of a layer. */
export function modelTable(tied: boolean, layer: Rows): WeightTable {
  return {
    outer: {
      embed: ['model.embed_tokens.weight', 'vocab', 'width'],
      norm: ['model.norm.weight', 'width'],
      ...(tied ? {} : { head: ['lm_head.weight', 'vocab', 'width'] as const }),
    },
    prefix: (at) => `model.layers.${at}.`,
    layer,
  };
}

/** Attention with a matrix each for queries, keys, values and result; `biased`: which of them have biases. */
export function attentionRows({ biased = false, outputBiased = biased }: { biased?: boolean; outputBiased?: boolean } = {}): Rows {
  return {
    q: ['self_attn.q_proj.weight', 'kv·group·inner', 'width'],
    k: ['self_attn.k_proj.weight', 'kv·inner', 'width'],
    v: ['self_attn.v_proj.weight', 'kv·inner', 'width'],
    o: ['self_attn.o_proj.weight', 'width', 'kv·group·inner'],
    ...(biased
      ? ({
          qBias: ['self_attn.q_proj.bias', 'kv·group·inner'],
          kBias: ['self_attn.k_proj.bias', 'kv·inner'],
          vBias: ['self_attn.v_proj.bias', 'kv·inner'],
        } as const)
      : {}),
    ...(outputBiased ? { oBias: ['self_attn.o_proj.bias', 'width'] as const } : {}),
  };
}

/** Norms of each head's queries and keys. */
export const headNormRows: Rows = { qNorm: ['self_attn.q_norm.weight', 'inner'], kNorm: ['self_attn.k_norm.weight', 'inner'] };

/** A gated feed-forward network of three matrices. */
export function gatedRows(biased = false): Rows {
  return {
    gate: ['mlp.gate_proj.weight', 'ffn', 'width'],
    up: ['mlp.up_proj.weight', 'ffn', 'width'],
    down: ['mlp.down_proj.weight', 'width', 'ffn'],
    ...(biased ? ({ gateBias: ['mlp.gate_proj.bias', 'ffn'], upBias: ['mlp.up_proj.bias', 'ffn'], downBias: ['mlp.down_proj.bias', 'width'] } as const) : {}),
  };
}
