import * as tf from '@tensorflow/tfjs-core';

/**
 * `variable ← value()`, everything made on the way freed. What is read inside must be a float32 tensor of the same shape.
 * The variable takes over the result's buffer: no copy.
 */
export function replace(variable: tf.Variable, value: () => tf.Tensor): void {
  tf.tidy(() => variable.assign(tf.tidy(value)));
}
