import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf } from './kernel.js';
import { precisionAttribute, type PrecisionAttribute } from './precision.js';
import { swigluKernel } from './swiglu.js';
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

type GatedInputs = { x: tf.Tensor; gateValues: tf.Tensor; gatePositions: tf.Tensor; upValues: tf.Tensor; upPositions: tf.Tensor };

/** The row behind {@link packedGatedLinear}. */
export const packedGatedLinearKernel = defineKernel({
  name: 'PackedGatedLinear',
  reference: ({ x, ...of }: GatedInputs, precision: PrecisionAttribute): tf.Tensor =>
    tf.tidy(() => {
      const product = (values: tf.Tensor, positions: tf.Tensor): tf.Tensor => packedLinearKernel({ x, values, positions, bias: undefined }, precision);
      return swigluKernel({ gate: product(of.gateValues, of.gatePositions), up: product(of.upValues, of.upPositions) }, {});
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
export function packedLinear(x: tf.Tensor, weight: TwoOfFour, bias?: tf.Tensor): tf.Tensor {
  expectFit('packedLinear', x, weight);
  const { values, positions } = weight;
  const biased = bias === undefined || (bias.rank === 1 && bias.shape[0] === values.shape[0]);
  expectShape('packedLinear', biased, () => `values ${shapeOf(values)} and bias [${bias?.shape}]`, 'values [out, in / 2] and bias [out]');
  return packedLinearKernel({ x, values, positions, bias }, precisionAttribute());
}

/**
 * `silu(x Wgateᵀ) · (x Wupᵀ)` of two packed 2:4 weights, to the bits of its parts ({@link packedLinear}, `swiglu`): x is laid out for both products at once, and
 * neither of them is ever whole in memory. No gradients.
 *
 * @param x - float32 `[..., in]`.
 * @param gate - of `[out, in]`.
 * @param up - of `[out, in]`.
 * @returns float32 `[..., out]`.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when `in` or `out` disagree.
 */
export function packedGatedLinear(x: tf.Tensor, gate: TwoOfFour, up: TwoOfFour): tf.Tensor {
  for (const weight of [gate, up]) expectFit('packedGatedLinear', x, weight);
  const alike = gate.values.shape[0] === up.values.shape[0];
  expectShape('packedGatedLinear', alike, () => `values ${shapeOf(gate.values)} and ${shapeOf(up.values)}`, 'gate and up of the same shape');
  return tf.tidy(() => packedGatedLinearKernel(gatedInputs(x, gate, up), precisionAttribute()));
}

/** What {@link packedGatedLinearKernel} is given. */
export function gatedInputs(x: tf.Tensor, gate: TwoOfFour, up: TwoOfFour): GatedInputs {
  return { x, gateValues: gate.values, gatePositions: gate.positions, upValues: up.values, upPositions: up.positions };
}

function expectFit(kernel: string, x: tf.Tensor, { values, positions }: TwoOfFour): void {
  const [out, count] = values.shape;
  const fits = x.rank >= 1 && x.shape.at(-1) === 2 * count && count % 2 === 0 && positions.shape[0] === out && positions.shape[1] === Math.ceil(count / 16);
  const found = (): string => `x ${shapeOf(x)}, values ${shapeOf(values)} and positions ${shapeOf(positions)}`;
  expectShape(kernel, fits, found, 'x [..., in], values [out, in / 2] and positions [out, in / 32]');
}
