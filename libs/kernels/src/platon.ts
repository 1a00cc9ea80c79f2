import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectAlike, expectShape, shapeOf } from './kernel.js';
import { replace } from './replace.js';

/** PLATON's memory of one weight: float32 variables of its shape, 0 at the start. */
export interface PlatonState {
  /** Ī, the smoothed sensitivity. */
  readonly smooth: tf.Variable;
  /** Ū, the smoothed uncertainty. */
  readonly uncertain: tf.Variable;
}

/** The row behind {@link platonUpdate}: writes into its variables, returns nothing. */
export const platonUpdateKernel = defineKernel({
  name: 'PlatonUpdate',
  writes: ['smooth', 'uncertain'],
  reference: (
    { smooth, uncertain, sensitivity }: { smooth: tf.Variable; uncertain: tf.Variable; sensitivity: tf.Tensor },
    { beta1, beta2 }: { beta1: number; beta2: number },
  ): tf.Tensor[] => {
    replace(smooth, () => tf.add(tf.mul(smooth, beta1), tf.mul(sensitivity, 1 - beta1))); // eq. 2
    replace(uncertain, () => {
      const uncertainty = tf.tidy(() => tf.abs(tf.sub(sensitivity, smooth))); // eq. 3
      return tf.add(tf.mul(uncertain, beta2), tf.mul(uncertainty, 1 - beta2)); // eq. 4
    });
    return [];
  },
});

/** The row behind {@link addSensitivity}: writes into its variable, returns nothing. */
export const addSensitivityKernel = defineKernel({
  name: 'AddSensitivity',
  writes: ['sum'],
  reference: ({ sum, weight, gradient }: { sum: tf.Variable; weight: tf.Tensor; gradient: tf.Tensor }): tf.Tensor[] => {
    replace(sum, () => tf.add(sum, tf.abs(tf.mul(weight, gradient))));
    return [];
  },
});

/**
 * Adds one step's sensitivity `I = |θ · ∂L/∂θ|` (CHOP §3.2, eq. 1; PLATON, Zhang et al. 2022, arXiv 2206.12562) to those of its window, in place.
 *
 * @param sum - over the steps of the window so far, float32 of the weight's shape.
 * @param weight - float32 `[...]`; untouched, like its gradient.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the shapes differ.
 */
export function addSensitivity(sum: tf.Variable, weight: tf.Tensor, gradient: tf.Tensor): void {
  expectAlike('addSensitivity', weight, [gradient, sum]);
  addSensitivityKernel({ sum, weight, gradient }, {});
}

/**
 * Ī ← β₁ Ī + (1 − β₁) I, then Ū ← β₂ Ū + (1 − β₂) |I − Ī|, in place (eqs. 2 to 4).
 *
 * @param state - of the weight.
 * @param windowMean - I averaged over the window's steps, float32 of the same shape; untouched.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the shapes differ.
 */
export function platonUpdate({ smooth, uncertain }: PlatonState, windowMean: tf.Tensor, betas: { beta1: number; beta2: number }): void {
  const alike = [uncertain, windowMean].every(({ shape }) => shape.join() === smooth.shape.join());
  expectShape('platonUpdate', alike, () => [smooth, uncertain, windowMean].map(shapeOf).join(', '), 'state and sensitivity of one shape');
  platonUpdateKernel({ smooth, uncertain, sensitivity: windowMean }, betas);
}

/** `S = Ī · Ū` (eq. 5), float32 of the weight's shape; owned by the caller. */
export function platonScore({ smooth, uncertain }: PlatonState): tf.Tensor {
  return tf.mul(smooth, uncertain);
}
