import * as tf from '@tensorflow/tfjs-core';

/**
 * `variable ← value()`, everything made on the way freed. What is read inside must be a float32 tensor of the same shape.
 * The variable takes over the result's buffer: no copy.
 */
export function replace(variable: tf.Variable, value: () => tf.Tensor): void {
  tf.tidy(() => variable.assign(tf.tidy(value)));
}

/** Gives a variable a buffer of its own if another tensor (the one that it was made from, a clone) reads the same. */
export function own(variable: tf.Variable): void {
  // Times one, not plus zero: −0 stays −0.
  if (tf.engine().backend.refCount(variable.dataId) > 1) replace(variable, () => tf.mul(variable, 1));
}

/** A new weight with what a mask drops at 0: −0 and what is no number too. */
export function held(value: tf.Tensor, mask: tf.Tensor | undefined): tf.Tensor {
  return mask === undefined ? value : tf.tidy(() => tf.where(tf.cast(mask, 'bool'), value, tf.zerosLike(value)));
}
