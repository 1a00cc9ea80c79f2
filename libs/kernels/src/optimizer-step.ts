import * as tf from '@tensorflow/tfjs-core';

/** What one step of every optimiser is told. */
export interface StepOptions {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  /** Decoupled weight decay; 0 for biases and norms. */
  readonly decay: number;
  /** Factor of the gradient: clipping. Default 1. */
  readonly scale?: number;
  /** bool, the shape of the weight: what it drops is 0 afterwards. */
  readonly mask?: tf.Tensor | undefined;
}

/** The numbers that change from step to step, as the tensor that a row takes: a native op's attributes stay the same over many calls. */
export function withHyper(numbers: readonly number[], run: (hyper: tf.Tensor1D) => void): void {
  const hyper = tf.tensor1d([...numbers]);
  run(hyper);
  hyper.dispose();
}

/** A new weight with what a mask drops at 0: −0 and what is no number too. */
export function held(value: tf.Tensor, mask: tf.Tensor | undefined): tf.Tensor {
  return mask === undefined ? value : tf.tidy(() => tf.where(tf.cast(mask, 'bool'), value, tf.zerosLike(value)));
}
