import * as tf from '@tensorflow/tfjs-core';

/** Added to a score that must not count: its exponential is exactly 0 in float32, and unlike −∞ it never gives NaN. */
const HIDDEN = -1e30;

export interface AttentionMaskOptions {
  /** Queries. */
  readonly t: number;
  /** Keys. */
  readonly s: number;
  /** Position of the first query among the keys. */
  readonly offset: number;
  /** A query sees the last `window` keys, its own among them. */
  readonly window: number;
  /** int32 `[b, s]`. */
  readonly segments: tf.Tensor | undefined;
}

/**
 * What is added to the attention scores: 0 where a query may see a key, else a hugely negative number.
 *
 * @returns float32 `[t, s]`, with segments `[b, 1, t, s]`; undefined when every query may see every key (a decoding step).
 */
export function attentionMask({ t, s, offset, window, segments }: AttentionMaskOptions): tf.Tensor | undefined {
  const last = offset + t - 1;
  if (offset >= s - 1 && last < window && segments === undefined) return undefined;
  return tf.tidy(() => {
    const queries = tf.reshape(tf.range(offset, offset + t, 1, 'int32'), [t, 1]);
    const keys = tf.reshape(tf.range(0, s, 1, 'int32'), [1, s]);
    let seen: tf.Tensor = tf.lessEqual(keys, queries);
    if (last >= window) seen = tf.logicalAnd(seen, tf.greater(keys, tf.sub(queries, tf.scalar(window, 'int32'))));
    if (segments !== undefined) {
      const b = segments.shape[0]!;
      const own = tf.reshape(tf.slice(segments, [0, offset], [b, t]), [b, t, 1]);
      seen = tf.reshape(tf.logicalAnd(tf.equal(own, tf.reshape(segments, [b, 1, s])), seen), [b, 1, t, s]);
    }
    return maskOf(seen);
  });
}

/** What is added to scores: 0 where a key is seen (bool), else a hugely negative number. */
export function maskOf(seen: tf.Tensor): tf.Tensor {
  return tf.mul(tf.cast(tf.logicalNot(seen), 'float32'), HIDDEN);
}
