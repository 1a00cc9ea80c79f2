import * as tf from '@tensorflow/tfjs-core';

/**
 * `variable ← value()`, everything made on the way freed. What is read inside must be a float32 tensor of the same shape.
 * The variable takes over the result's buffer: no copy.
 */
export function replace(variable: tf.Variable, value: () => tf.Tensor): void {
  tf.tidy(() => variable.assign(tf.tidy(value)));
}

/** What a native op says when others hold the memory that it was to write into: a slice of all of a tensor, an array of JavaScript. */
const SHARED = 'CHOP_SHARED_MEMORY';

/** Calls what writes into variables, after it has given those a copy of their own whose memory others read too. */
export function inPlace<R>(variables: readonly tf.Variable[], call: () => R): R {
  for (const variable of variables) if (tf.engine().backend.refCount(variable.dataId) > 1) copy(variable);
  try {
    return call();
  } catch (error) {
    if (!(error instanceof Error && error.message.includes(SHARED))) throw error;
    variables.forEach(copy);
    return call();
  }
}

/** New memory for a variable. Times one, not plus zero: −0 stays −0. */
function copy(variable: tf.Variable): void {
  replace(variable, () => tf.mul(variable, 1));
}

/** A new weight with what a mask drops at 0: −0 and what is no number too. */
export function held(value: tf.Tensor, mask: tf.Tensor | undefined): tf.Tensor {
  return mask === undefined ? value : tf.tidy(() => tf.where(tf.cast(mask, 'bool'), value, tf.zerosLike(value)));
}
