import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';
import { packedLinearKernel } from './packed-linear.js';
import { packedTwin } from './packed-weights.js';
import { currentPrecision, factorOf, precisionAttribute, type PrecisionAttribute } from './precision.js';

type Inputs = { x: tf.Tensor; weight: tf.Tensor };

/** `[..., n]` as a matrix of rows. */
const rowsOf = (x: tf.Tensor): tf.Tensor2D => tf.reshape(x, [-1, x.shape.at(-1)!]);

/** The row behind {@link linear}. */
export const linearKernel = defineKernel({
  name: 'Linear',
  reference: ({ x, weight, bias }: Inputs & { bias: tf.Tensor | undefined }, precision: PrecisionAttribute): tf.Tensor =>
    tf.tidy(() => {
      const rows = tf.matMul(factorOf(rowsOf(x), precision), factorOf(weight, precision), false, true);
      return tf.reshape(bias === undefined ? rows : tf.add(rows, bias), [...x.shape.slice(0, -1), weight.shape[0]!]);
    }),
});

/** `[dx, dweight]`: `dy W` and `dyᵀ x`. */
export const linearGradKernel = defineKernel({
  name: 'LinearGrad',
  reference: ({ dy, x, weight }: Inputs & { dy: tf.Tensor }, precision: PrecisionAttribute): tf.Tensor[] =>
    tf.tidy(() => {
      const dRows = factorOf(rowsOf(dy), precision);
      return [tf.reshape(tf.matMul(dRows, factorOf(weight, precision)), x.shape), tf.matMul(dRows, factorOf(rowsOf(x), precision), true)];
    }),
});

/** The sum of `dy` over its rows: the gradient of a bias. */
export const biasGradKernel = defineKernel({
  name: 'BiasGrad',
  reference: ({ dy }: { dy: tf.Tensor }): tf.Tensor => tf.tidy(() => tf.sum(rowsOf(dy), 0)),
});

/**
 * `y = x Wᵀ + b`, the weight laid out as PyTorch and Hugging Face do. The product is made in the precision of {@link withPrecision}.
 *
 * @param x - float32 `[..., in]`.
 * @param weight - float32 `[out, in]`.
 * @param bias - float32 `[out]`.
 * @returns float32 `[..., out]`.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when `in` or `out` disagree.
 */
export function linear(x: tf.Tensor, weight: tf.Tensor, bias?: tf.Tensor): tf.Tensor {
  const fits = weight.rank === 2 && x.rank >= 1 && x.shape.at(-1) === weight.shape[1];
  expectShape('linear', fits, () => `x ${shapeOf(x)} and weight ${shapeOf(weight)}`, 'x [..., in] and weight [out, in]');
  const biased = bias === undefined || (bias.rank === 1 && bias.shape[0] === weight.shape[0]);
  expectShape('linear', biased, () => `weight ${shapeOf(weight)} and bias [${bias?.shape}]`, 'weight [out, in] and bias [out]');
  const precision = precisionAttribute(weight);
  const packed = currentPrecision() === 'f32' ? packedTwin(weight) : undefined;
  if (packed !== undefined) return packedLinearKernel({ x, ...packed, bias }, precision);
  return withGradient({
    inputs: bias === undefined ? [x, weight] : [x, weight, bias],
    saved: [x, weight],
    forward: () => linearKernel({ x, weight, bias }, precision),
    backward: (dy, [keptX, keptWeight]) => {
      const gradients = linearGradKernel({ dy, x: keptX!, weight: keptWeight! }, precision);
      return bias === undefined ? gradients : [...gradients, biasGradKernel({ dy }, {})];
    },
  });
}
