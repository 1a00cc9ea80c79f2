import * as tf from '@tensorflow/tfjs-core';

import { defineKernel } from './kernel.js';

/** The row behind {@link magnitude}. */
export const magnitudeKernel = defineKernel({
  name: 'Magnitude',
  reference: ({ weight }: { weight: tf.Tensor }): tf.Tensor => tf.abs(weight),
});

/**
 * `|W|`: the oldest score of a weight (Han et al. 2015, arXiv 1506.02626).
 *
 * @param weight - float32 `[...]`.
 * @returns float32, the same shape.
 */
export function magnitude(weight: tf.Tensor): tf.Tensor {
  return magnitudeKernel({ weight }, {});
}
