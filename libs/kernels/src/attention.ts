import type { Position } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';

import { attentionMask } from './attention-mask.js';
import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';

/** `offset`: int32, position of the first query: a tensor beside the attribute, since TensorFlow keeps a kernel for every value of one that it knows. */
type Inputs = { q: tf.Tensor; k: tf.Tensor; v: tf.Tensor; offset: tf.Tensor; segments: tf.Tensor | undefined };
/** `position`: the same offset, for the reference; `window` 0: no limit. */
type Attributes = { scale: number; position: number; window: number };
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

/** A number per query and head, `[b, heads, t]`, beside the rows of {@link grouped}: `[b, kv, group · t, 1]`. */
function perRow(x: tf.Tensor, kv: number): tf.Tensor {
  const [b, heads, t] = x.shape as [number, number, number];
  return tf.reshape(x, [b, kv, (heads / kv) * t, 1]);
}

/** How scores are scaled, and what is added to them: nothing where every query sees every key. */
interface Masked {
  readonly scale: number;
  readonly mask: tf.Tensor | undefined;
}

/** `q kᵀ` under the mask, `[b, kv, group · t, s]`. */
function maskedScores({ q, k }: Pick<Inputs, 'q' | 'k'>, { scale, mask }: Masked): tf.Tensor {
  return tf.tidy(() => {
    const [t, s, kv] = [q.shape[1]!, k.shape[1]!, k.shape[2]!];
    const scores = tf.matMul(
      tf.tidy(() => grouped(tf.mul(q, scale), kv)),
      grouped(k, kv),
      false,
      true,
    );
    if (mask === undefined) return scores;
    const [b, , rows] = scores.shape as Shape4;
    const masked = tf.tidy(() => tf.add(tf.reshape(scores, [b, (kv * rows) / t, t, s]), mask));
    scores.dispose();
    return tf.reshape(masked, [b, kv, rows, s]);
  });
}

/** The row behind {@link attention}: `[out, lse]`, lse `[b, heads, t]` being the logarithm of each row's Σ exp(score). */
export const attentionKernel = defineKernel({
  name: 'Attention',
  reference: ({ q, k, v, segments }: Inputs, { scale, position, window }: Attributes): tf.Tensor[] =>
    tf.tidy(() => {
      const [t, s] = [q.shape[1]!, k.shape[1]!];
      const mask = attentionMask({ t, s, offset: position, window: window || s, segments });
      return maskedAttention(q, k, v, { scale, mask });
    }),
});

/** `[out, lse]` of {@link attentionKernel} under any mask that is added to the scores, `[t, s]` or `[b, 1, t, s]`: the definition. */
export function maskedAttention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, { scale, mask }: Masked): [out: tf.Tensor, lse: tf.Tensor] {
  const [b, t, heads] = q.shape as Shape4;
  const kv = k.shape[2]!;
  const scores = maskedScores({ q, k }, { scale, mask });
  const largest = tf.max(scores, -1, true);
  const weights = tf.tidy(() => tf.exp(tf.sub(scores, largest)));
  scores.dispose();
  const sum = tf.sum(weights, -1, true);
  const out = ungrouped(tf.div(tf.matMul(weights, grouped(v, kv)), sum), t);
  return [out, tf.reshape(tf.add(largest, tf.log(sum)), [b, heads, t])];
}

/**
 * `[dq, dk, dv]`. The probabilities p are computed again from the scores and lse: `heads · t · s` floats less to keep per layer. With ds the
 * gradient of the scores:  ds = p ∘ (dy vᵀ − Σ dy ∘ out),  dq = scale · ds k,  dk = scale · dsᵀ q,  dv = pᵀ dy.
 */
export const attentionGradKernel = defineKernel({
  name: 'AttentionGrad',
  reference: (
    { dy, q, k, v, out, lse, segments }: Inputs & { dy: tf.Tensor; out: tf.Tensor; lse: tf.Tensor },
    { scale, position, window }: Attributes,
  ): tf.Tensor[] =>
    tf.tidy(() => {
      const [t, s, kv] = [q.shape[1]!, k.shape[1]!, k.shape[2]!];
      const mask = attentionMask({ t, s, offset: position, window: window || s, segments });
      const p = tf.tidy(() => tf.exp(tf.sub(maskedScores({ q, k }, { scale, mask }), perRow(lse, kv))));
      const dOut = grouped(dy, kv);
      const dv = ungrouped(tf.matMul(p, dOut, true, false), s);
      const ds = tf.tidy(() => {
        const along = tf.sum(tf.mul(dOut, grouped(out, kv)), -1, true);
        return tf.mul(p, tf.sub(tf.matMul(dOut, grouped(v, kv), false, true), along));
      });
      const dq = tf.mul(tf.matMul(ds, grouped(k, kv)), scale);
      const dk = tf.mul(tf.matMul(ds, grouped(q, kv), true, false), scale);
      return [ungrouped(dq, t), ungrouped(dk, s), dv];
    }),
});

/** What a query may see, and how scores are scaled. */
export interface AttentionOptions {
  /** Default `1 / sqrt(inner)`. A head that was cut keeps the old one. */
  readonly scale?: number;
  /** Where the first query stands among the keys. Default `s − t`: the queries are the last tokens. Keys after the last query are never seen. */
  readonly offset?: number | Position;
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
  const { scale = 1 / Math.sqrt(inner), window = s, segments } = options;
  const given = options.offset ?? s - t;
  const offset = typeof given === 'number' ? given : given.value;
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
  const attributes = { scale, position: offset, window: window >= s ? 0 : window };
  const first = (): tf.Tensor => tf.scalar(offset, 'int32');
  return withGradient({
    inputs: [q, k, v],
    saved: segments === undefined ? [q, k, v] : [q, k, v, segments],
    forward: () => {
      const [out, lse] = attentionKernel({ q, k, v, offset: typeof given === 'number' ? first() : given.tensor, segments }, attributes);
      return { value: out!, saved: [out!, lse!] };
    },
    backward: (dy, kept) => {
      const [keptQ, keptK, keptV] = kept as [tf.Tensor, tf.Tensor, tf.Tensor];
      const [out, lse] = kept.slice(-2) as [tf.Tensor, tf.Tensor];
      const marks = segments === undefined ? undefined : kept[3];
      return attentionGradKernel({ dy, q: keptQ, k: keptK, v: keptV, out, lse, offset: first(), segments: marks }, attributes);
    },
  });
}
