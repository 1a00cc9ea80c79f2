import * as tf from '@tensorflow/tfjs-core';

import { attentionMask } from './attention-mask.js';
import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';

type Inputs = { q: tf.Tensor; k: tf.Tensor; v: tf.Tensor; segments: tf.Tensor | undefined };
type Attributes = { scale: number; offset: number; window: number };
type Shape4 = [number, number, number, number];

/** `[b, t, heads, inner]` → `[b, kv, group · t, inner]`: the queries of one key-value head become rows of one product, k and v are never repeated. */
function grouped(x: tf.Tensor, kv: number): tf.Tensor {
  const [b, t, heads, inner] = x.shape as Shape4;
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [b, kv, (heads / kv) * t, inner]);
}

/** The way back: `[b, kv, group · t, inner]` → `[b, t, heads, inner]`. */
function ungrouped(x: tf.Tensor, t: number): tf.Tensor {
  const [b, kv, rows, inner] = x.shape as Shape4;
  return tf.transpose(tf.reshape(x, [b, (kv * rows) / t, t, inner]), [0, 2, 1, 3]);
}

/** softmax of `q kᵀ` under the mask, `[b, kv, group · t, s]`; q is scaled already. */
function probabilities(q: tf.Tensor, k: tf.Tensor, mask: tf.Tensor | undefined): tf.Tensor {
  return tf.tidy(() => {
    const scores = tf.matMul(q, k, false, true);
    if (mask === undefined) return tf.softmax(scores);
    const [b, kv, rows, s] = scores.shape as Shape4;
    const t = mask.shape.at(-2)!;
    const masked = tf.tidy(() => tf.add(tf.reshape(scores, [b, (kv * rows) / t, t, s]), mask));
    scores.dispose();
    return tf.reshape(tf.softmax(masked), [b, kv, rows, s]);
  });
}

/** The row behind {@link attention}. The probabilities are computed again in the backward pass: `heads · t · s` floats less to keep per layer. */
export const attentionKernel = defineKernel({
  name: 'Attention',
  reference: ({ q, k, v, segments }: Inputs, { scale, offset, window }: Attributes): tf.Tensor => {
    const t = q.shape[1]!;
    const s = k.shape[1]!;
    const kv = k.shape[2]!;
    const scaled = (x: tf.Tensor): tf.Tensor => tf.tidy(() => grouped(tf.mul(x, scale), kv));
    return withGradient({
      inputs: [q, k, v],
      saved: segments === undefined ? [q, k, v] : [q, k, v, segments],
      forward: () => {
        const p = probabilities(scaled(q), grouped(k, kv), attentionMask({ t, s, offset, window, segments }));
        return ungrouped(tf.matMul(p, grouped(v, kv)), t);
      },
      backward: (dy, [keptQ, keptK, keptV, keptSegments]) => {
        const [queries, keys, values, dOut] = [scaled(keptQ!), grouped(keptK!, kv), grouped(keptV!, kv), grouped(dy, kv)];
        const p = probabilities(queries, keys, attentionMask({ t, s, offset, window, segments: keptSegments }));
        const dv = tf.matMul(p, dOut, true, false);
        const ds = tf.tidy(() => {
          const weighted = tf.mul(p, tf.matMul(dOut, values, false, true));
          return tf.sub(weighted, tf.mul(p, tf.sum(weighted, -1, true)));
        });
        const dq = tf.mul(tf.matMul(ds, keys), scale);
        const dk = tf.matMul(ds, queries, true, false);
        return [ungrouped(dq, t), ungrouped(dk, s), ungrouped(dv, s)];
      },
    });
  },
});

/** What a query may see, and how scores are scaled. */
export interface AttentionOptions {
  /** Default `1 / sqrt(inner)`. A head that was cut keeps the old one. */
  readonly scale?: number;
  /** Position of the first query among the keys. Default `s − t`: the queries are the last tokens. */
  readonly offset?: number;
  /** A query sees the last `window` keys, its own among them (Hugging Face's `sliding_window`). Default: all. */
  readonly window?: number;
  /** int32 `[b, s]`: a query sees keys of its own segment only (packed documents, padding). */
  readonly segments?: tf.Tensor;
}

/**
 * Causal attention with grouped queries: `softmax(scale · q kᵀ + mask) v`; query head h reads key-value head
 * `floor(h / (heads / kv))` (Vaswani et al. 2017, arXiv 1706.03762; Ainslie et al. 2023, arXiv 2305.13245).
 *
 * @param q - float32 `[b, t, heads, inner]`.
 * @param k - float32 `[b, s, kv, inner]`; `heads % kv === 0`.
 * @param v - float32 `[b, s, kv, inner]`.
 * @returns float32 `[b, t, heads, inner]`.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the shapes disagree or a query has no key of its own.
 */
export function attention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options: AttentionOptions = {}): tf.Tensor {
  const [b, t, heads, inner] = q.shape as Shape4;
  const [, s, kv] = k.shape as Shape4;
  const { scale = 1 / Math.sqrt(inner), offset = s - t, window = s, segments } = options;
  const found = (): string => `q ${shapeOf(q)}, k ${shapeOf(k)}, v ${shapeOf(v)}`;
  const fits = q.rank === 4 && [k, v].every((x) => x.shape.join() === [b, s, kv, inner].join()) && heads % kv === 0;
  expectShape('attention', fits, found, 'q [b, t, heads, inner], k and v [b, s, kv, inner], heads a multiple of kv');
  const placed = Number.isInteger(offset) && offset >= 0 && offset + t <= s && window >= 1;
  expectShape(
    'attention',
    placed,
    () => `${t} queries from position ${offset} in a window of ${window}`,
    `positions within the ${s} keys and a window of at least 1`,
  );
  const segmented = segments === undefined || segments.shape.join() === [b, s].join();
  expectShape('attention', segmented, () => `segments [${segments?.shape}]`, `[${b}, ${s}], one per key`);
  return attentionKernel({ q, k, v, segments }, { scale, offset, window });
}
