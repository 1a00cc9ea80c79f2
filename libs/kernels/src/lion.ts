import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectAlike } from './kernel.js';
import { replace } from './replace.js';

type Inputs = { weight: tf.Variable; gradient: tf.Tensor; m: tf.Variable };

/** The numbers of one Lion step. */
export interface LionOptions {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  /** Decoupled weight decay; 0 for biases and norms. */
  readonly decay: number;
}

/** `beta · m + (1 − beta) · gradient` */
const mixed = (m: tf.Tensor, gradient: tf.Tensor, beta: number): tf.Tensor => tf.tidy(() => tf.add(tf.mul(m, beta), tf.mul(gradient, 1 - beta)));

/** −1, 0 or 1. (`tf.sign` on wasm takes everything below 1.2e-7 for 0, which is where gradients of large models live.) */
const sign = (x: tf.Tensor): tf.Tensor => tf.tidy(() => tf.sub(tf.cast(tf.greater(x, 0), 'float32'), tf.cast(tf.less(x, 0), 'float32')));

/** The row behind {@link lion}: writes into its variables, returns nothing. */
export const lionKernel = defineKernel({
  name: 'Lion',
  reference: ({ weight, gradient, m }: Inputs, { lr, beta1, beta2, decay }: LionOptions): tf.Tensor[] => {
    replace(weight, () => {
      const change = tf.tidy(() => tf.mul(sign(mixed(m, gradient, beta1)), lr));
      return tf.sub(decay === 0 ? weight : tf.mul(weight, 1 - lr * decay), change);
    });
    replace(m, () => mixed(m, gradient, beta2));
    return [];
  },
});

/**
 * One step of Lion, in place (Chen et al. 2023, arXiv 2302.06675, Algorithm 2):
 * `w ← w − lr (sign(β₁ m + (1 − β₁) g) + decay · w)`, then `m ← β₂ m + (1 − β₂) g`.
 *
 * @param weight - float32 variable `[...]`.
 * @param gradient - float32, the same shape; untouched.
 * @param moments - float32 variable of the same shape, 0 before the first step.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when a shape differs.
 */
export function lion(weight: tf.Variable, gradient: tf.Tensor, { m }: { m: tf.Variable }, options: LionOptions): void {
  expectAlike('lion', weight, [gradient, m]);
  lionKernel({ weight, gradient, m }, options);
}
