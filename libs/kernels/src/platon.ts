import * as tf from '@tensorflow/tfjs-core';

import { defineKernel } from './kernel.js';
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

/**
 * `I = |θ · ∂L/∂θ|` (CHOP §3.2, eq. 1; PLATON, Zhang et al. 2022, arXiv 2206.12562).
 *
 * @param weight - float32 `[...]`.
 * @param gradient - float32, the same shape.
 * @returns float32, the same shape.
 */
export function sensitivity(weight: tf.Tensor, gradient: tf.Tensor): tf.Tensor {
  return tf.tidy(() => tf.abs(tf.mul(weight, gradient)));
}

/**
 * Ī ← β₁ Ī + (1 − β₁) I, then Ū ← β₂ Ū + (1 − β₂) |I − Ī|, in place (eqs. 2 to 4).
 *
 * @param state - of the weight.
 * @param windowMean - I averaged over the window's steps, float32 of the same shape; untouched.
 */
export function platonUpdate({ smooth, uncertain }: PlatonState, windowMean: tf.Tensor, betas: { beta1: number; beta2: number }): void {
  platonUpdateKernel({ smooth, uncertain, sensitivity: windowMean }, betas);
}

/** `S = Ī · Ū` (eq. 5), float32 of the weight's shape; owned by the caller. */
export function platonScore({ smooth, uncertain }: PlatonState): tf.Tensor {
  return tf.mul(smooth, uncertain);
}
