import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, withGradient } from './kernel.js';

/** The row behind {@link reshape}: nothing is computed. */
const reshapeKernel = defineKernel({
  name: 'Reshape',
  view: 'x',
  reference: ({ x }: { x: tf.Tensor }, { shape }: { shape: readonly number[] }): tf.Tensor => tf.reshape(x, [...shape]),
});

/**
 * The same numbers in another shape, without a copy. Unlike `tf.reshape` it keeps nothing for the backward pass, so that the memory of x is
 * free as soon as nobody else needs it.
 *
 * @param x - float32 `[...]`.
 * @param shape - as many elements; one size may be −1.
 * @returns float32 of that shape. The gradient goes to x.
 */
export function reshape<T extends tf.Tensor>(x: tf.Tensor, shape: readonly number[]): T {
  return withGradient<T>({
    inputs: [x],
    saved: [],
    forward: () => reshapeKernel({ x }, { shape }) as T,
    backward: (dy) => [tf.reshape(dy, x.shape)],
  });
}
