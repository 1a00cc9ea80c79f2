import * as tf from '@tensorflow/tfjs-core';

import { maskedAttention } from './attention.js';
import { maskOf } from './attention-mask.js';
import { defineKernel, expectShape, shapeOf } from './kernel.js';

/** `parents`: int32 `[t]`. */
type Inputs = { q: tf.Tensor; k: tf.Tensor; v: tf.Tensor; parents: tf.Tensor };
/** `parents`: the same numbers, for the reference; `window` 0: no limit. */
type Attributes = { scale: number; window: number; parents: Int32Array };

/** The row behind {@link treeAttention}. */
export const treeAttentionKernel = defineKernel({
  name: 'TreeAttention',
  reference: ({ q, k, v }: Inputs, { scale, window, parents }: Attributes): tf.Tensor =>
    tf.tidy(() => maskedAttention(q, k, v, { scale, mask: maskOf(tf.tensor2d(seenBy(parents, window), [parents.length, parents.length], 'bool')) })[0]),
});

/** `[t, t]`: 1 where a query sees a key, which is one of the `window` last tokens of its text. */
function seenBy(parents: Int32Array, window: number): Uint8Array {
  const seen = new Uint8Array(parents.length ** 2);
  for (let query = 0; query < parents.length; query++)
    for (let key = query, back = 0; key >= 0 && (window === 0 || back < window); key = parents[key]!, back++) seen[query * parents.length + key] = 1;
  return seen;
}

/** Which token each one sees, and how scores are scaled. */
export interface TreeAttentionOptions {
  /** Which token of the row stands before each in its text, an earlier one; −1: none. As numbers, and int32 `[t]`. */
  readonly parents: { readonly values: Int32Array; readonly tensor: tf.Tensor };
  /** Default `1 / sqrt(inner)`. A head that was cut keeps the old one. */
  readonly scale?: number;
  /** A query sees the last `window` tokens of its text, itself among them. Default: all. */
  readonly window?: number;
}

/**
 * Causal attention with grouped queries over a tree of tokens: each sees itself, the token before it in its text, the one before that … So texts share what
 * they begin with (as SpecInfer verifies a tree of drafts: Miao et al. 2023, arXiv 2305.09781). Natively, to the same bits as {@link attention} over each text
 * alone. It has no gradient.
 *
 * @param q - float32 `[1, t, heads, inner]`.
 * @param k - float32 `[1, t, kv, inner]`; `heads % kv === 0`.
 * @param v - float32 `[1, t, kv, inner]`.
 * @returns float32 `[1, t, heads, inner]`.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the shapes disagree or a parent does not stand before its token.
 */
export function treeAttention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, { parents, scale, window = 0 }: TreeAttentionOptions): tf.Tensor {
  const [b, t, heads, inner] = q.shape as [number, number, number, number];
  const kv = k.shape[2]!;
  const found = (): string => `q ${shapeOf(q)}, k ${shapeOf(k)}, v ${shapeOf(v)}, ${parents.values.length} parents`;
  const fits = q.rank === 4 && b === 1 && [k, v].every((x) => x.shape.join() === [1, t, kv, inner].join()) && heads % kv === 0 && parents.values.length === t;
  expectShape('treeAttention', fits, found, 'q [1, t, heads, inner], k and v [1, t, kv, inner], heads a multiple of kv, t parents');
  const stray = parents.values.findIndex((parent, at) => parent < -1 || parent >= at);
  expectShape('treeAttention', stray < 0, () => `a token ${stray} behind ${parents.values[stray]}`, 'an earlier token, or −1');
  return treeAttentionKernel({ q, k, v, parents: parents.tensor }, { scale: scale ?? 1 / Math.sqrt(inner), window, parents: parents.values });
}
