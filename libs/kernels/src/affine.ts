import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, withGradient } from './kernel.js';

type Attributes = { scale: number; shift: number };

/** The row behind {@link affine}. */
export const affineKernel = defineKernel({
  name: 'Affine',
  reference: ({ x }: { x: tf.Tensor }, { scale, shift }: Attributes): tf.Tensor => tf.tidy(() => tf.add(tf.mul(x, scale), shift)),
});

/**
 * `scale · x + shift` by two numbers that stay the same: embeddings times the root of the width, gains that are stored as their distance from one.
 *
 * @param x - float32 `[...]`.
 * @param numbers - `scale`, default 1; `shift`, default 0. Rounded to float32.
 * @returns float32, the shape of x. The gradient goes to x.
 */
export function affine(x: tf.Tensor, { scale = 1, shift = 0 }: { scale?: number; shift?: number }): tf.Tensor {
  return withGradient({
    inputs: [x],
    saved: [],
    forward: () => affineKernel({ x }, { scale, shift }),
    backward: (dy) => [affineKernel({ x: dy }, { scale, shift: 0 })],
  });
}
