import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf } from './kernel.js';

/** The row behind {@link keepNofM}. */
export const keepNofMKernel = defineKernel({
  name: 'KeepNofM',
  reference: ({ scores }: { scores: tf.Tensor }, { n, m }: { n: number; m: number }): tf.Tensor =>
    tf.tidy(() => {
      // Column i of all groups at once; an entry's rank counts those of its group that go before it.
      const columns = tf.unstack(tf.reshape(scores, [-1, m]), 1);
      const kept = columns.map((own, i) =>
        tf.tidy(() => {
          const before = columns.flatMap((other, j) => (j === i ? [] : [tf.cast(j < i ? tf.greaterEqual(other, own) : tf.greater(other, own), 'int32')]));
          return tf.addN([tf.zeros(own.shape, 'int32'), ...before]);
        }),
      );
      return tf.reshape(tf.less(tf.stack(kept, 1), tf.scalar(n, 'int32')), scores.shape);
    }),
});

/**
 * Keeps the `n` largest of every `m` consecutive scores along the input dimension (N:M sparsity, Mishra et al. 2021, arXiv 2104.08378).
 *
 * @param scores - float32 `[out, in]`; `in % m === 0`. Ties keep the lower index. What is no number stays, beside the `n`: it is to be seen.
 * @returns bool `[out, in]`, true where the weight stays; owned by the caller.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when `in` is not a multiple of `m` or `n` is not in `1 … m`.
 */
export function keepNofM(scores: tf.Tensor, n: number, m: number): tf.Tensor {
  const fits = scores.rank === 2 && m >= 1 && scores.shape[1]! % m === 0;
  expectShape('keepNofM', fits, () => `scores ${shapeOf(scores)} in groups of ${m}`, `[out, in] with in a multiple of ${m}`);
  expectShape('keepNofM', Number.isInteger(n) && n >= 1 && n <= m, () => `${n} of ${m}`, `1 to ${m} kept`);
  return keepNofMKernel({ scores }, { n, m });
}

/** The largest float32. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/** The row behind {@link keepShare}: `count` per row stay. */
export const keepLargestKernel = defineKernel({
  name: 'KeepLargest',
  reference: ({ scores }: { scores: tf.Tensor }, { count }: { count: number }): tf.Tensor =>
    tf.tidy(() => {
      const [rows, columns] = scores.shape as [number, number];
      if (count === 0) return tf.zeros([rows, columns], 'bool');
      // TensorFlow.js subtracts to compare: infinities would neither tie nor differ.
      const ordered = tf.clipByValue(tf.where(tf.notEqual(scores, scores), tf.fill(scores.shape, Infinity), scores), -LARGEST, LARGEST);
      const { indices } = tf.topk(ordered, count, true); // among equals the lower index comes first
      const starts = tf.mul(tf.reshape(tf.range(0, rows, 1, 'int32'), [rows, 1]), tf.scalar(columns, 'int32'));
      const flat = tf.reshape(tf.add(indices, starts), [-1, 1]);
      return tf.cast(tf.reshape(tf.scatterND(flat, tf.ones([rows * count]), [rows * columns]), [rows, columns]), 'bool');
    }),
});

/**
 * Drops the `floor(in · share)` lowest scores of every output row and keeps the rest (Wanda's unstructured form,
 * arXiv 2306.11695, §3). Ties keep the lower index; what is no number counts as ∞, and stays.
 *
 * @param scores - float32 `[out, in]`.
 * @param share - of the weights that go, `0 … 1`.
 * @returns bool `[out, in]`, true where the weight stays; owned by the caller.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the scores are no matrix or the share is outside 0 … 1.
 */
export function keepShare(scores: tf.Tensor, share: number): tf.Tensor {
  expectShape('keepShare', scores.rank === 2, () => `scores ${shapeOf(scores)}`, '[out, in]');
  expectShape('keepShare', share >= 0 && share <= 1, () => `a share of ${share}`, '0 to 1');
  const columns = scores.shape[1]!;
  return keepLargestKernel({ scores }, { count: columns - Math.floor(columns * share) });
}
