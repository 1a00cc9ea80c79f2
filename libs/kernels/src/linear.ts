import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf } from './kernel.js';

type Inputs = { x: tf.Tensor; weight: tf.Tensor; bias: tf.Tensor | undefined };

/** The row behind {@link linear}. */
export const linearKernel = defineKernel({
  name: 'Linear',
  reference: ({ x, weight, bias }: Inputs): tf.Tensor =>
    tf.tidy(() => {
      const [outputs, inputs] = weight.shape as [number, number];
      const rows = tf.matMul(tf.reshape(x, [-1, inputs]), weight as tf.Tensor2D, false, true);
      return tf.reshape(bias === undefined ? rows : tf.add(rows, bias), [...x.shape.slice(0, -1), outputs]);
    }),
});

/**
 * `y = x Wᵀ + b`, the weight laid out as PyTorch and Hugging Face do.
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
  return linearKernel({ x, weight, bias }, {});
}
