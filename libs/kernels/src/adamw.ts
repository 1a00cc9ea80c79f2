import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectAlike } from './kernel.js';
import { replace } from './replace.js';

type Inputs = { weight: tf.Variable; gradient: tf.Tensor; m: tf.Variable; v: tf.Variable };

/** The numbers of one AdamW step. */
export interface AdamwOptions {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  /** Decoupled weight decay; 0 for biases and norms. */
  readonly decay: number;
  /** Counted from 1, this one included. */
  readonly step: number;
}

/** The row behind {@link adamw}: writes into its variables, returns nothing. */
export const adamwKernel = defineKernel({
  name: 'Adamw',
  reference: ({ weight, gradient, m, v }: Inputs, { lr, beta1, beta2, eps, decay, step }: AdamwOptions): tf.Tensor[] => {
    replace(m, () => tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1)));
    replace(v, () => {
      const kept = tf.mul(v, beta2);
      return tf.add(
        kept,
        tf.tidy(() => tf.mul(tf.square(gradient), 1 - beta2)),
      );
    });
    const stepSize = lr / (1 - beta1 ** step);
    const correction = Math.sqrt(1 - beta2 ** step);
    replace(weight, () => {
      const change = tf.tidy(() => {
        const root = tf.tidy(() => tf.add(tf.div(tf.sqrt(v), correction), eps));
        return tf.mul(tf.div(m, root), stepSize);
      });
      return tf.sub(decay === 0 ? weight : tf.mul(weight, 1 - lr * decay), change);
    });
    return [];
  },
});

/**
 * One step of AdamW, in place (Loshchilov and Hutter 2019, arXiv 1711.05101; arithmetic of `torch.optim.AdamW`):
 * `w ← w (1 − lr · decay)`, then `w ← w − lr m̂ / (sqrt(v̂) + eps)` with bias-corrected moments.
 *
 * @param weight - float32 variable `[...]`.
 * @param gradient - float32, the same shape; untouched.
 * @param moments - float32 variables of the same shape, 0 before the first step.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when a shape differs.
 */
export function adamw(weight: tf.Variable, gradient: tf.Tensor, { m, v }: { m: tf.Variable; v: tf.Variable }, options: AdamwOptions): void {
  expectAlike('adamw', weight, [gradient, m, v]);
  adamwKernel({ weight, gradient, m, v }, options);
}
