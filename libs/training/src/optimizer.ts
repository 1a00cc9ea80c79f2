import type { LiveWeight, Model } from '@chop/core';
import { adamw, lion } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import type { TrainOptions } from './options.js';

/** Gradients by weight name. */
export type Gradients = ReadonlyMap<string, tf.Tensor>;

/** The numbers of one step. */
export interface StepNumbers {
  readonly lr: number;
  /** 1 for the first step: AdamW's bias correction. */
  readonly index: number;
  /** Of all gradients: clipping. */
  readonly factor: number;
}

/**
 * One update of every weight that has a gradient; what a weight's mask drops stays zero. Moments are slots of the weights, so that an
 * edit cuts them along. Weight decay is decoupled and on matrices only (embeddings and the output layer too), not on norms and biases.
 */
export function update(
  model: Model,
  gradients: Gradients,
  { optimizer, betas: [beta1, beta2], eps, weightDecay }: TrainOptions,
  { lr, index, factor }: StepNumbers,
): void {
  for (const [name, gradient] of gradients) {
    const entry = model.entry(name);
    const decay = entry.value.rank >= 2 ? weightDecay : 0;
    const numbers = { lr, beta1, beta2, decay, scale: factor, mask: entry.mask?.tensor };
    if (optimizer === 'adamw') adamw(entry.value, gradient, { m: slot(entry, 'm'), v: slot(entry, 'v') }, { ...numbers, eps, step: index });
    else lion(entry.value, gradient, { m: slot(entry, 'm') }, numbers);
  }
}

function slot({ slots, value }: LiveWeight, name: string): tf.Variable {
  const known = slots.get(name);
  if (known) return known;
  const fresh = tf.tidy(() => tf.variable(tf.zerosLike(value), false));
  slots.set(name, fresh);
  return fresh;
}
