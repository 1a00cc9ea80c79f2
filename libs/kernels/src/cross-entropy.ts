import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';

type Inputs = { logits: tf.Tensor; targets: tf.Tensor };

/** `[n, 2]`: where each row's target stands. */
const places = (targets: tf.Tensor): tf.Tensor => tf.tidy(() => tf.stack([tf.range(0, targets.size, 1, 'int32'), targets], 1));

/** The row behind {@link tokenLogProbabilities} and {@link crossEntropy}: keeps the logits only. */
export const tokenLogProbabilitiesKernel = defineKernel({
  name: 'TokenLogProbabilities',
  reference: ({ logits, targets }: Inputs): tf.Tensor =>
    withGradient({
      inputs: [logits],
      saved: [logits, targets],
      forward: () => {
        const peak = tf.max(logits, -1, true);
        const total = tf.tidy(() => tf.sum(tf.exp(tf.sub(logits, peak)), -1));
        return tf.sub(tf.sub(tf.gatherND(logits, places(targets)), tf.squeeze(peak, [1])), tf.log(total));
      },
      // dy (onehot − softmax); the one-hot matrix is never made.
      backward: (dy, saved) => {
        const [kept, at] = [saved[0]!, places(saved[1]!)];
        const pulled = tf.tidy(() => tf.mul(tf.softmax(kept), tf.expandDims(tf.neg(dy), 1)));
        const target = tf.add(tf.gatherND(pulled, at), dy);
        return [tf.tensorScatterUpdate(pulled, at, target)];
      },
    }),
});

/**
 * Log probability of each row's target: `logits[i, targets[i]] − log Σ exp(logits[i])`.
 *
 * @param logits - float32 `[n, vocab]`.
 * @param targets - int32 `[n]`, each in `0 … vocab − 1` (the caller checks).
 * @returns float32 `[n]`, in nats, at most 0. The gradient goes to the logits.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when n differs or the targets are not int32.
 */
export function tokenLogProbabilities(logits: tf.Tensor, targets: tf.Tensor): tf.Tensor {
  const fits = logits.rank === 2 && targets.rank === 1 && targets.dtype === 'int32' && targets.size === logits.shape[0];
  expectShape(
    'tokenLogProbabilities',
    fits,
    () => `logits ${shapeOf(logits)} and targets ${shapeOf(targets)}`,
    'logits float32 [n, vocab] and targets int32 [n]',
  );
  return tokenLogProbabilitiesKernel({ logits, targets }, {});
}

/**
 * Mean negative log likelihood of the targets, in nats per token.
 *
 * @param logits - float32 `[n, vocab]`.
 * @param targets - int32 `[n]`.
 * @param weights - float32 `[n]`, not all 0: the mean is weighted by them (0 leaves a row out). Default: all 1.
 * @returns float32 scalar. The gradient goes to the logits.
 * @throws {@link ShapeError} `KERNEL_SHAPE` as {@link tokenLogProbabilities}, or when the weights do not fit.
 */
export function crossEntropy(logits: tf.Tensor, targets: tf.Tensor, weights?: tf.Tensor): tf.Scalar {
  const weighted = weights === undefined || (weights.rank === 1 && weights.size === targets.size);
  expectShape('crossEntropy', weighted, () => `${targets.size} targets and weights [${weights?.shape}]`, 'one weight per target');
  return tf.tidy(() => {
    const logProbabilities = tokenLogProbabilities(logits, targets);
    if (weights === undefined) return tf.neg(tf.mean(logProbabilities));
    return tf.neg(tf.div(tf.sum(tf.mul(logProbabilities, weights)), tf.sum(weights)));
  });
}
