import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectAlike } from './kernel.js';
import { held, type StepOptions, withHyper } from './optimizer-step.js';
import { replace } from './replace.js';

type Nine = [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
type Inputs = { weight: tf.Variable; gradient: tf.Tensor; m: tf.Variable; v: tf.Variable; hyper: tf.Tensor; mask: tf.Tensor | undefined };

/** The numbers of one AdamW step. */
export interface AdamwOptions extends StepOptions {
  readonly eps: number;
  /** Counted from 1, this one included. */
  readonly step: number;
}

/** The row behind {@link adamw}: writes into its variables, returns nothing. */
export const adamwKernel = defineKernel({
  name: 'Adamw',
  writes: ['weight', 'm', 'v'],
  reference: ({ weight, gradient, m, v, hyper, mask }: Inputs, _: object): tf.Tensor[] => {
    const numbers = tf.unstack(hyper) as Nine;
    const [stepSize, beta1, rest1, beta2, rest2, eps, correction, shrink, scale] = numbers;
    const scaled = tf.mul(gradient, scale);
    replace(m, () => tf.add(tf.mul(m, beta1), tf.mul(scaled, rest1)));
    replace(v, () => {
      const kept = tf.mul(v, beta2);
      return tf.add(
        kept,
        tf.tidy(() => tf.mul(tf.square(scaled), rest2)),
      );
    });
    replace(weight, () => {
      const change = tf.tidy(() => {
        const root = tf.tidy(() => tf.add(tf.div(tf.sqrt(v), correction), eps));
        return tf.mul(tf.div(m, root), stepSize);
      });
      return held(tf.sub(tf.mul(weight, shrink), change), mask);
    });
    tf.dispose([scaled, ...numbers]);
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
  const { lr, beta1, beta2, eps, decay, step, scale = 1, mask } = options;
  expectAlike('adamw', weight, [gradient, m, v, ...(mask ? [mask] : [])]);
  const [stepSize, correction] = [lr / (1 - beta1 ** step), Math.sqrt(1 - beta2 ** step)];
  withHyper([stepSize, beta1, 1 - beta1, beta2, 1 - beta2, eps, correction, 1 - lr * decay, scale], (hyper) =>
    adamwKernel({ weight, gradient, m, v, hyper, mask }, {}),
  );
}
