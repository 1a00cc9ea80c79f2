import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectAlike } from './kernel.js';
import { held, type StepOptions, withHyper } from './optimizer-step.js';
import { replace } from './replace.js';

type Seven = [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
type Inputs = { weight: tf.Variable; gradient: tf.Tensor; m: tf.Variable; hyper: tf.Tensor; mask: tf.Tensor | undefined };

/** `beta · m + rest · gradient` */
const mixed = (m: tf.Tensor, beta: tf.Tensor, gradient: tf.Tensor, rest: tf.Tensor): tf.Tensor =>
  tf.tidy(() => tf.add(tf.mul(m, beta), tf.mul(gradient, rest)));

/** −1, 0 or 1. (`tf.sign` on wasm takes everything below 1.2e-7 for 0, which is where gradients of large models live.) */
const sign = (x: tf.Tensor): tf.Tensor => tf.tidy(() => tf.sub(tf.cast(tf.greater(x, 0), 'float32'), tf.cast(tf.less(x, 0), 'float32')));

/** The row behind {@link lion}: writes into its variables, returns nothing. */
export const lionKernel = defineKernel({
  name: 'Lion',
  writes: ['weight', 'm'],
  reference: ({ weight, gradient, m, hyper, mask }: Inputs, _: object): tf.Tensor[] => {
    const numbers = tf.unstack(hyper) as Seven;
    const [lr, beta1, rest1, beta2, rest2, shrink, scale] = numbers;
    const scaled = tf.mul(gradient, scale);
    replace(weight, () => {
      const change = tf.tidy(() => tf.mul(sign(mixed(m, beta1, scaled, rest1)), lr));
      return held(tf.sub(tf.mul(weight, shrink), change), mask);
    });
    replace(m, () => mixed(m, beta2, scaled, rest2));
    tf.dispose([scaled, ...numbers]);
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
export function lion(weight: tf.Variable, gradient: tf.Tensor, { m }: { m: tf.Variable }, options: StepOptions): void {
  const { lr, beta1, beta2, decay, scale = 1, mask } = options;
  expectAlike('lion', weight, [gradient, m, ...(mask ? [mask] : [])]);
  withHyper([lr, beta1, 1 - beta1, beta2, 1 - beta2, 1 - lr * decay, scale], (hyper) => lionKernel({ weight, gradient, m, hyper, mask }, {}));
}
