import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf } from './kernel.js';
import { linear, linearKernel } from './linear.js';
import { gatedInputs, packedGatedLinearKernel } from './packed-linear.js';
import { precisionTogether, twinsTogether } from './packed-weights.js';
import type { PrecisionAttribute } from './precision.js';
import { swiglu, swigluKernel } from './swiglu.js';

type Inputs = { x: tf.Tensor; gate: tf.Tensor; up: tf.Tensor };

/** The row behind {@link gatedLinear}. */
export const gatedLinearKernel = defineKernel({
  name: 'GatedLinear',
  reference: ({ x, gate, up }: Inputs, precision: PrecisionAttribute): tf.Tensor =>
    tf.tidy(() => {
      const product = (weight: tf.Tensor): tf.Tensor => linearKernel({ x, weight, bias: undefined }, precision);
      return swigluKernel({ gate: product(gate), up: product(up) }, {});
    }),
});

/**
 * `swiglu(linear(x, gate), linear(x, up))`, to the same bits. Where no gradient is wanted x is laid out for both products at once, and neither of them is ever whole
 * in memory.
 *
 * @param x - float32 `[..., in]`.
 * @param gate - float32 `[out, in]`.
 * @param up - float32 `[out, in]`.
 * @returns float32 `[..., out]`.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the shapes do not fit.
 */
export function gatedLinear(x: tf.Tensor, gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
  const fits = gate.rank === 2 && x.rank >= 1 && x.shape.at(-1) === gate.shape[1] && up.shape.join() === gate.shape.join();
  expectShape('gatedLinear', fits, () => `x ${shapeOf(x)}, gate ${shapeOf(gate)} and up ${shapeOf(up)}`, 'x [..., in], gate and up [out, in]');
  const packed = twinsTogether([gate, up]);
  if (packed) return tf.tidy(() => packedGatedLinearKernel(gatedInputs(x, packed.twins[0]!, packed.twins[1]!), packed.precision));
  const precision = precisionTogether([gate, up]);
  return precision ? tf.tidy(() => gatedLinearKernel({ x, gate, up }, precision)) : swiglu(linear(x, gate), linear(x, up));
}
