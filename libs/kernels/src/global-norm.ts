import * as tf from '@tensorflow/tfjs-core';

import { defineKernel } from './kernel.js';

/** The row behind {@link globalNorm}: a list, `xs0`, `xs1`, …. */
export const globalNormKernel = defineKernel({
  name: 'GlobalNorm',
  reference: (inputs: Readonly<Record<string, tf.Tensor>>): tf.Tensor =>
    tf.tidy(() => {
      // Row by row first: a single float32 sum over millions of squares loses digits on backends that add one after another.
      const squares = Object.values(inputs).map((tensor) => tf.tidy(() => tf.sum(tf.sum(tf.square(tensor), tensor.rank === 0 ? [] : -1))));
      return tf.sqrt(squares.length === 0 ? tf.scalar(0) : tf.addN(squares));
    }),
});

/**
 * The Euclidean norm of all tensors taken as one vector: what gradients are clipped by.
 *
 * @param tensors - float32, any shapes.
 * @returns float32 scalar, 0 for none.
 */
export function globalNorm(tensors: readonly tf.Tensor[]): tf.Scalar {
  return globalNormKernel(Object.fromEntries(tensors.map((tensor, index) => [`xs${index}`, tensor])), {}) as tf.Scalar;
}
