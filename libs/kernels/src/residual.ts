import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';

/** The row behind {@link residual}. */
export const addKernel = defineKernel({
  name: 'Add',
  reference: ({ x, delta }: { x: tf.Tensor; delta: tf.Tensor }): tf.Tensor => tf.add(x, delta),
});

/**
 * `x + delta`: what a block of a model adds to the stream that runs past it (He et al. 2016, arXiv 1512.03385). Unlike `tf.add` it keeps
 * neither input for the backward pass, and both gradients share the memory of the one that comes in.
 *
 * @param x - float32 `[...]`.
 * @param delta - float32, the shape of x.
 * @returns float32, the same shape.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the shapes differ.
 */
export function residual(x: tf.Tensor, delta: tf.Tensor): tf.Tensor {
  expectShape('residual', x.shape.join() === delta.shape.join(), () => `x ${shapeOf(x)} and delta ${shapeOf(delta)}`, 'the same shape');
  return withGradient({
    inputs: [x, delta],
    saved: [],
    forward: () => addKernel({ x, delta }, {}),
    backward: (dy) => [tf.clone(dy), tf.clone(dy)],
  });
}
