import type { Projection } from '@chop/core';
import type * as tf from '@tensorflow/tfjs-core';

import { expectShape, shapeOf } from './kernel.js';
import { linear } from './linear.js';
import { reshape } from './reshape.js';

/** The output layer of a model: float32 hidden states `[..., width]` and the matrix `[vocab, width]`. */
export function projection(hidden: tf.Tensor, weight: tf.Tensor): Projection {
  return { hidden, weight, logits: () => linear(hidden, weight) };
}

/** A projection with its hidden states as rows. */
export function rowsOf({ hidden, weight }: Projection): Projection {
  return projection(reshape(hidden, [-1, hidden.shape.at(-1)!]), weight);
}

/** @throws {@link ShapeError} `KERNEL_SHAPE` unless the parts are `[n, width]` and `[vocab, width]`. */
export function expectProjection(kernel: string, { hidden, weight }: Projection): void {
  const fits = hidden.rank === 2 && weight.rank === 2 && hidden.shape[1] === weight.shape[1];
  expectShape(kernel, fits, () => `hidden ${shapeOf(hidden)} and weight ${shapeOf(weight)}`, 'hidden float32 [n, width] and weight float32 [vocab, width]');
}
