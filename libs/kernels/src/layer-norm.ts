import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';

type Inputs = { x: tf.Tensor; gain: tf.Tensor };
type Attributes = { eps: number; live: number };

/** `x − mean` and `1 / sqrt(variance + eps)` over the last axis. Features beyond `live` are zero: each adds mean² to Σ (x − mean)², which is taken off. */
function moments(x: tf.Tensor, { eps, live }: Attributes): { centred: tf.Tensor; scale: tf.Tensor } {
  const mean = tf.tidy(() => tf.div(tf.sum(x, -1, true), live));
  const centred = tf.sub(x, mean);
  const scale = tf.tidy(() => {
    const squares = tf.sum(tf.square(centred), -1, true);
    const dead = tf.mul(tf.square(mean), x.shape.at(-1)! - live);
    return tf.rsqrt(tf.add(tf.div(tf.sub(squares, dead), live), eps));
  });
  return { centred, scale };
}

/** The row behind {@link layerNorm}. */
export const layerNormKernel = defineKernel({
  name: 'LayerNorm',
  reference: ({ x, gain, bias }: Inputs & { bias: tf.Tensor | undefined }, attributes: Attributes): tf.Tensor =>
    tf.tidy(() => {
      const { centred, scale } = moments(x, attributes);
      const y = tf.mul(tf.mul(centred, scale), gain);
      return bias === undefined ? y : tf.add(y, bias);
    }),
});

/**
 * `[dx, dgain, dbias]`. With r = 1 / sqrt(variance + eps), n = (x − mean) r and g = dy ∘ gain:
 * dx = r (g − Σ g / live − n Σ(g ∘ n) / live),  dgain = Σ dy ∘ n,  dbias = Σ dy.
 */
export const layerNormGradKernel = defineKernel({
  name: 'LayerNormGrad',
  reference: ({ dy, x, gain }: Inputs & { dy: tf.Tensor }, attributes: Attributes): tf.Tensor[] =>
    tf.tidy(() => {
      const { centred, scale } = moments(x, attributes);
      const normal = tf.mul(centred, scale);
      const overRows = (values: tf.Tensor): tf.Tensor => tf.sum(tf.reshape(values, [-1, gain.size]), 0);
      const g = tf.mul(dy, gain);
      const meanOf = (values: tf.Tensor): tf.Tensor => tf.tidy(() => tf.div(tf.sum(values, -1, true), attributes.live));
      const along = tf.tidy(() => tf.mul(normal, meanOf(tf.mul(g, normal))));
      const dx = tf.tidy(() => tf.mul(tf.sub(tf.sub(g, meanOf(g)), along), scale));
      return [dx, tf.tidy(() => overRows(tf.mul(dy, normal))), overRows(dy)];
    }),
});

/**
 * Layer normalisation: `y = (x − mean) / sqrt(variance + eps) · gain + bias`, mean and variance over the last axis (Ba, Kiros and Hinton
 * 2016, arXiv 1607.06450).
 *
 * @param x - float32 `[..., n]`.
 * @param gain - float32 `[n]`.
 * @param options - `bias`: float32 `[n]`, default none; `eps`: added to the variance; `live`: how many of the n features count (default n).
 *   Where fewer do, the others of x must be zero, and their gain and bias too: then a masked width normalises like the sliced one.
 * @returns float32, the shape of x.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when gain or bias do not fit the last axis or `live` is not in `1 … n`.
 */
export function layerNorm(x: tf.Tensor, gain: tf.Tensor, options: { bias?: tf.Tensor | undefined; eps: number; live?: number }): tf.Tensor {
  const { bias, eps, live = gain.size } = options;
  const fits = gain.rank === 1 && x.rank >= 1 && x.shape.at(-1) === gain.size && (bias === undefined || (bias.rank === 1 && bias.size === gain.size));
  const found = (): string => `x ${shapeOf(x)}, gain ${shapeOf(gain)}${bias === undefined ? '' : ` and bias ${shapeOf(bias)}`}`;
  expectShape('layerNorm', fits, found, 'x [..., n], gain [n] and bias [n]');
  expectShape('layerNorm', live >= 1 && live <= gain.size, () => `${live} live features`, `1 to ${gain.size}`);
  return withGradient({
    inputs: bias === undefined ? [x, gain] : [x, gain, bias],
    saved: [x, gain],
    forward: () => layerNormKernel({ x, gain, bias }, { eps, live }),
    backward: (dy, [keptX, keptGain]) => {
      const [dx, dgain, dbias] = layerNormGradKernel({ dy, x: keptX!, gain: keptGain! }, { eps, live });
      return bias === undefined ? [dx!, dgain!] : [dx!, dgain!, dbias!];
    },
  });
}
