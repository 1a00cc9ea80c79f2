import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';

type Attributes = { /** 1: the approximation by tanh; 0: exact. */ tanh: number };
type Gated = { gate: tf.Tensor; up: tf.Tensor };

/** Of the approximation: Φ(x) ≈ sigmoid(x (LINEAR + CUBIC x²)), the same as (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2. */
const LINEAR = 2 * Math.sqrt(2 / Math.PI);
const CUBIC = LINEAR * 0.044715;

/** Φ(x), the normal distribution function, or its approximation. */
function share(x: tf.Tensor, { tanh }: Attributes): tf.Tensor {
  return tf.tidy(() => {
    if (tanh) return tf.sigmoid(tf.mul(x, tf.add(tf.mul(tf.square(x), CUBIC), LINEAR)));
    return tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
  });
}

/** d(x Φ(x)) = Φ + x Φ′, with the normal density exp(−x² / 2) / √(2π) or, of the approximation σ, σ (1 − σ) (LINEAR + 3 CUBIC x²) as Φ′. */
function slope(x: tf.Tensor, phi: tf.Tensor, { tanh }: Attributes): tf.Tensor {
  return tf.tidy(() => {
    const square = tf.square(x);
    const density = tanh
      ? tf.mul(tf.mul(phi, tf.sub(1, phi)), tf.add(tf.mul(square, 3 * CUBIC), LINEAR))
      : tf.mul(tf.exp(tf.mul(square, -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return tf.add(phi, tf.mul(x, density));
  });
}

/** The row behind {@link gelu}. */
export const geluKernel = defineKernel({
  name: 'Gelu',
  reference: ({ x }: { x: tf.Tensor }, attributes: Attributes): tf.Tensor => tf.tidy(() => tf.mul(x, share(x, attributes))),
});

/** Its gradient. */
export const geluGradKernel = defineKernel({
  name: 'GeluGrad',
  reference: ({ dy, x }: { dy: tf.Tensor; x: tf.Tensor }, attributes: Attributes): tf.Tensor =>
    tf.tidy(() => tf.mul(dy, slope(x, share(x, attributes), attributes))),
});

/** The row behind {@link geglu}. */
export const gegluKernel = defineKernel({
  name: 'Geglu',
  reference: ({ gate, up }: Gated, attributes: Attributes): tf.Tensor => tf.tidy(() => tf.mul(tf.mul(gate, share(gate, attributes)), up)),
});

/** `[dgate, dup]`. */
export const gegluGradKernel = defineKernel({
  name: 'GegluGrad',
  reference: ({ dy, gate, up }: Gated & { dy: tf.Tensor }, attributes: Attributes): tf.Tensor[] =>
    tf.tidy(() => {
      const phi = share(gate, attributes);
      return [tf.tidy(() => tf.mul(tf.mul(dy, up), slope(gate, phi, attributes))), tf.tidy(() => tf.mul(dy, tf.mul(gate, phi)))];
    }),
});

/** PyTorch's names: `none` is `x Φ(x)`; `tanh` is what GPT-2 and Gemma were trained with (Hugging Face's `gelu_new`, `gelu_pytorch_tanh`). */
export interface GeluOptions {
  readonly approximate: 'none' | 'tanh';
}

const attributesOf = ({ approximate }: GeluOptions): Attributes => ({ tanh: approximate === 'tanh' ? 1 : 0 });

/**
 * The Gaussian error linear unit: `x Φ(x)`, Φ the normal distribution function (Hendrycks and Gimpel 2016, arXiv 1606.08415).
 *
 * @param x - float32 `[...]`.
 * @returns float32, the shape of x.
 */
export function gelu(x: tf.Tensor, options: GeluOptions): tf.Tensor {
  const attributes = attributesOf(options);
  return withGradient({
    inputs: [x],
    saved: [x],
    forward: () => geluKernel({ x }, attributes),
    backward: (dy, [keptX]) => [geluGradKernel({ dy, x: keptX! }, attributes)],
  });
}

/**
 * The gated unit of Gemma's feed-forward network: `gelu(gate) · up` (Shazeer 2020, arXiv 2002.05202).
 *
 * @param gate - float32 `[...]`.
 * @param up - float32, the shape of gate.
 * @returns float32, the same shape.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the shapes differ.
 */
export function geglu(gate: tf.Tensor, up: tf.Tensor, options: GeluOptions): tf.Tensor {
  expectShape('geglu', gate.shape.join() === up.shape.join(), () => `gate ${shapeOf(gate)} and up ${shapeOf(up)}`, 'the same shape');
  const attributes = attributesOf(options);
  return withGradient({
    inputs: [gate, up],
    saved: [gate, up],
    forward: () => gegluKernel({ gate, up }, attributes),
    backward: (dy, [keptGate, keptUp]) => gegluGradKernel({ dy, gate: keptGate!, up: keptUp! }, attributes),
  });
}
