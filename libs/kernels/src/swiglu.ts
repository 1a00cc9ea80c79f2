import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';

type Inputs = { gate: tf.Tensor; up: tf.Tensor };

/** The row behind {@link swiglu}. */
export const swigluKernel = defineKernel({
  name: 'Swiglu',
  reference: ({ gate, up }: Inputs): tf.Tensor =>
    withGradient({
      inputs: [gate, up],
      saved: [gate, up],
      forward: () =>
        tf.mul(
          tf.tidy(() => tf.mul(gate, tf.sigmoid(gate))),
          up,
        ),
      // With σ = sigmoid(gate) and u = gate σ = silu(gate):  d(silu) = σ + u (1 − σ) = u + σ (1 − u).
      backward: (dy, saved) => {
        const [g, u] = saved as [tf.Tensor, tf.Tensor];
        const sigmoid = tf.sigmoid(g);
        const silu = tf.mul(g, sigmoid);
        const slope = tf.tidy(() => tf.add(silu, tf.mul(sigmoid, tf.sub(1, silu))));
        return [tf.tidy(() => tf.mul(tf.mul(dy, u), slope)), tf.mul(dy, silu)];
      },
    }),
});

/**
 * The gated unit of Llama's feed-forward network: `silu(gate) · up`, `silu(z) = z / (1 + e^−z)` (Shazeer 2020, arXiv 2002.05202).
 *
 * @param gate - float32 `[...]`.
 * @param up - float32, the shape of gate.
 * @returns float32, the same shape.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the shapes differ.
 */
export function swiglu(gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
  expectShape('swiglu', gate.shape.join() === up.shape.join(), () => `gate ${shapeOf(gate)} and up ${shapeOf(up)}`, 'the same shape');
  return swigluKernel({ gate, up }, {});
}
