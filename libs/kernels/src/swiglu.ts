import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';

type Inputs = { gate: tf.Tensor; up: tf.Tensor };

const silu = (x: tf.Tensor): tf.Tensor => tf.tidy(() => tf.mul(x, tf.sigmoid(x)));

/** The row behind {@link swiglu}. */
export const swigluKernel = defineKernel({
  name: 'Swiglu',
  reference: ({ gate, up }: Inputs): tf.Tensor => tf.tidy(() => tf.mul(silu(gate), up)),
});

/** `[dgate, dup]`. With σ = sigmoid(gate) and u = gate σ = silu(gate):  d(silu) = σ + u (1 − σ) = u + σ (1 − u). */
export const swigluGradKernel = defineKernel({
  name: 'SwigluGrad',
  reference: ({ dy, gate, up }: Inputs & { dy: tf.Tensor }): tf.Tensor[] =>
    tf.tidy(() => {
      const sigmoid = tf.sigmoid(gate);
      const u = tf.mul(gate, sigmoid);
      const slope = tf.tidy(() => tf.add(u, tf.mul(sigmoid, tf.sub(1, u))));
      return [tf.tidy(() => tf.mul(tf.mul(dy, up), slope)), tf.mul(dy, u)];
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
  return withGradient({
    inputs: [gate, up],
    saved: [gate, up],
    forward: () => swigluKernel({ gate, up }, {}),
    backward: (dy, [keptGate, keptUp]) => swigluGradKernel({ dy, gate: keptGate!, up: keptUp! }, {}),
  });
}
