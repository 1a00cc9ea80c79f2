import type { Position } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';

/** `at`: int32, position of the first token. */
type Inputs = { table: tf.Tensor; at: tf.Tensor };
/** The same position, for the reference. */
type Attributes = { position: number };

/** The row behind {@link positionEmbedding}. */
export const positionEmbeddingKernel = defineKernel({
  name: 'PositionEmbedding',
  reference: ({ x, table }: Inputs & { x: tf.Tensor }, { position }: Attributes): tf.Tensor =>
    tf.tidy(() => tf.add(x, tf.slice(table, [position, 0], [x.shape[1]!, -1]))),
});

/** Of the table (whose values do not matter): the rows that were read get the sum over the batch, the others zero. */
export const positionEmbeddingGradKernel = defineKernel({
  name: 'PositionEmbeddingGrad',
  reference: ({ dy, table }: Inputs & { dy: tf.Tensor }, { position }: Attributes): tf.Tensor => {
    const after = table.shape[0]! - position - dy.shape[1]!;
    const padding: [number, number][] = [
      [position, after],
      [0, 0],
    ];
    return tf.tidy(() => tf.pad(tf.sum(dy, 0), padding));
  },
});

/**
 * Learned positions (Radford et al. 2019, GPT-2): `x + table[position]`, the row of each token's place in the text.
 *
 * @param x - float32 `[batch, tokens, width]`.
 * @param table - float32 `[context, width]`.
 * @param offset - where the first token stands: a number, or the position of a pass.
 * @returns float32, the shape of x.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the table does not fit, or has no row for the last token.
 */
export function positionEmbedding(x: tf.Tensor, table: tf.Tensor, offset: number | Position = 0): tf.Tensor {
  const position = typeof offset === 'number' ? offset : offset.value;
  const fits = x.rank === 3 && table.rank === 2 && x.shape[2] === table.shape[1];
  expectShape('positionEmbedding', fits, () => `x ${shapeOf(x)} and table ${shapeOf(table)}`, 'x [batch, tokens, width] and table [context, width]');
  const known = position >= 0 && position + x.shape[1]! <= table.shape[0]!;
  const found = (): string => `${x.shape[1]} tokens from position ${position} of a model with ${table.shape[0]} positions`;
  expectShape('positionEmbedding', known, found, 'a text that ends within them');
  const first = (): tf.Tensor => tf.scalar(position, 'int32');
  return withGradient({
    inputs: [x, table],
    saved: [table],
    forward: () => positionEmbeddingKernel({ x, table, at: typeof offset === 'number' ? first() : offset.tensor }, { position }),
    backward: (dy, [keptTable]) => [tf.clone(dy), positionEmbeddingGradKernel({ dy, table: keptTable!, at: first() }, { position })],
  });
}
