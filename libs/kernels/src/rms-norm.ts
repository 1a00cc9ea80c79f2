import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';

type Inputs = { x: tf.Tensor; gain: tf.Tensor };
type Attributes = { eps: number; live: number };

/** `1 / sqrt(Σ x² / live + eps)` over the last axis, which is kept with length 1. */
const inverseRms = (x: tf.Tensor, { eps, live }: Attributes): tf.Tensor => tf.tidy(() => tf.rsqrt(tf.add(tf.div(tf.sum(tf.square(x), -1, true), live), eps)));

/** The row behind {@link rmsNorm}. */
export const rmsNormKernel = defineKernel({
  name: 'RmsNorm',
  reference: ({ x, gain }: Inputs, attributes: Attributes): tf.Tensor => tf.tidy(() => tf.mul(tf.mul(x, inverseRms(x, attributes)), gain)),
});

/** `[dx, dgain]`. With r = inverseRms(x), n = x r and g = dy ∘ gain:  dx = r (g − n Σ(g ∘ n) / live),  dgain = Σ dy ∘ n. */
export const rmsNormGradKernel = defineKernel({
  name: 'RmsNormGrad',
  reference: ({ dy, x, gain }: Inputs & { dy: tf.Tensor }, attributes: Attributes): tf.Tensor[] =>
    tf.tidy(() => {
      const r = inverseRms(x, attributes);
      const n = tf.mul(x, r);
      const dgain = tf.tidy(() => tf.sum(tf.reshape(tf.mul(dy, n), [-1, gain.size]), 0));
      const g = tf.mul(dy, gain);
      const along = tf.tidy(() => tf.div(tf.sum(tf.mul(g, n), -1, true), attributes.live));
      return [tf.tidy(() => tf.mul(tf.sub(g, tf.mul(n, along)), r)), dgain];
    }),
});

/**
 * Root mean square normalisation: `y = x / sqrt(Σ x² / live + eps) · gain` (Zhang and Sennrich 2019, arXiv 1910.07467).
 *
 * @param x - float32 `[..., n]`.
 * @param gain - float32 `[n]`.
 * @param options - `eps`: added to the mean square; `live`: how many of the n features count (default n): a masked
 *   width normalises like the sliced one only when its zeros are not counted.
 * @returns float32, the shape of x.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the gain does not fit the last axis or `live` is not in `1 … n`.
 */
export function rmsNorm(x: tf.Tensor, gain: tf.Tensor, { eps, live = gain.size }: { eps: number; live?: number }): tf.Tensor {
  const fits = gain.rank === 1 && x.rank >= 1 && x.shape.at(-1) === gain.size;
  expectShape('rmsNorm', fits, () => `x ${shapeOf(x)} and gain ${shapeOf(gain)}`, 'x [..., n] and gain [n]');
  expectShape('rmsNorm', live >= 1 && live <= gain.size, () => `${live} live features`, `1 to ${gain.size}`);
  return withGradient({
    inputs: [x, gain],
    saved: [x, gain],
    forward: () => rmsNormKernel({ x, gain }, { eps, live }),
    backward: (dy, [keptX, keptGain]) => rmsNormGradKernel({ dy, x: keptX!, gain: keptGain! }, { eps, live }),
  });
}
