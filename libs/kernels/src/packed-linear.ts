import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf } from './kernel.js';
import { precisionAttribute, type PrecisionAttribute } from './precision.js';
import { type TwoOfFour, unpackTwoOfFour } from './two-of-four.js';

type Inputs = { x: tf.Tensor; values: tf.Tensor; positions: tf.Tensor; bias: tf.Tensor | undefined };

/** The row behind {@link packedLinear}. */
export const packedLinearKernel = defineKernel({
  name: 'PackedLinear',
  reference: ({ x, values, positions, bias }: Inputs, _: PrecisionAttribute): tf.Tensor =>
    tf.tidy(() => {
      const weight = unpackTwoOfFour({ values: values as tf.Tensor2D, positions: positions as tf.Tensor2D });
      const rows = tf.matMul(tf.reshape(x, [-1, weight.shape[1]]) as tf.Tensor2D, weight, false, true);
      return tf.reshape(bias === undefined ? rows : tf.add(rows, bias), [...x.shape.slice(0, -1), weight.shape[0]]);
    }),
});

/**
 * `y = x Wᵀ + b` of a packed 2:4 weight. On the native engine every element is the same to the bit as that of `linear` with the dense weight, for finite x.
 * What is no number, or infinite, in x reaches the outputs whose values stand there; a dense product would spread it to all of them (0 · ∞ is no number). No gradients.
 *
 * @param x - float32 `[..., in]`.
 * @param weight - of `[out, in]`.
 * @param bias - float32 `[out]`.
 * @returns float32 `[..., out]`.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when `in` or `out` disagree.
 */
export function packedLinear(x: tf.Tensor, { values, positions }: TwoOfFour, bias?: tf.Tensor): tf.Tensor {
  const [out, count] = values.shape;
  const fits = x.rank >= 1 && x.shape.at(-1) === 2 * count && count % 2 === 0 && positions.shape[0] === out && positions.shape[1] === Math.ceil(count / 16);
  const found = (): string => `x ${shapeOf(x)}, values ${shapeOf(values)} and positions ${shapeOf(positions)}`;
  expectShape('packedLinear', fits, found, 'x [..., in], values [out, in / 2] and positions [out, in / 32]');
  const biased = bias === undefined || (bias.rank === 1 && bias.shape[0] === out);
  expectShape('packedLinear', biased, () => `values ${shapeOf(values)} and bias [${bias?.shape}]`, 'values [out, in / 2] and bias [out]');
  return packedLinearKernel({ x, values, positions, bias }, precisionAttribute());
}
