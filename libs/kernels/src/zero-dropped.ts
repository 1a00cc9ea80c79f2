import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectAlike } from './kernel.js';
import { replace } from './replace.js';

/** The row behind {@link zeroDropped}: writes into the weight, returns nothing. */
export const zeroDroppedKernel = defineKernel({
  name: 'ZeroDropped',
  writes: ['weight'],
  reference: ({ weight, kept }: { weight: tf.Variable; kept: tf.Tensor }, _: object): tf.Tensor[] => {
    replace(weight, () => tf.where(kept, weight, tf.zerosLike(weight)));
    return [];
  },
});

/**
 * Sets to zero, in place, what a mask does not keep. What is infinite or no number goes like any other.
 *
 * @param weight - float32 variable `[...]`.
 * @param kept - bool, the same shape.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the shapes differ.
 */
export function zeroDropped(weight: tf.Variable, kept: tf.Tensor): void {
  expectAlike('zeroDropped', weight, [kept]);
  zeroDroppedKernel({ weight, kept }, {});
}
