import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';

type Inputs = { table: tf.Tensor; ids: tf.Tensor };

/** The row behind {@link embedding}. */
export const embeddingKernel = defineKernel({
  name: 'Embedding',
  reference: ({ table, ids }: Inputs): tf.Tensor => tf.gather(table, ids as tf.Tensor1D),
});

/** Of the table (whose values do not matter): duplicate ids are summed. */
export const embeddingGradKernel = defineKernel({
  name: 'EmbeddingGrad',
  // (TensorFlow.js's own gradient of `gather` needs a kernel that wasm lacks.)
  reference: ({ dy, ids, table }: Inputs & { dy: tf.Tensor }): tf.Tensor => {
    const [vocab, width] = table.shape as [number, number];
    return tf.tidy(() => tf.scatterND(tf.reshape(ids, [-1, 1]), tf.reshape(dy, [-1, width]), [vocab, width]));
  },
});

/**
 * The rows of a table by index; the gradient goes to the table.
 *
 * @param table - float32 `[vocab, width]`.
 * @param ids - int32 `[...]`, each in `0 … vocab − 1` (native TensorFlow refuses others; on `wasm` and `cpu` the caller checks).
 * @returns float32 `[..., width]`.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the table is no matrix or the ids are not int32.
 */
export function embedding(table: tf.Tensor, ids: tf.Tensor): tf.Tensor {
  const fits = table.rank === 2 && ids.dtype === 'int32';
  expectShape('embedding', fits, () => `table ${shapeOf(table)} and ids ${shapeOf(ids)}`, 'table float32 [vocab, width] and ids int32 [...]');
  return withGradient({
    inputs: [table],
    saved: [table, ids],
    forward: () => embeddingKernel({ table, ids }, {}),
    backward: (dy, [keptTable, keptIds]) => [embeddingGradKernel({ dy, table: keptTable!, ids: keptIds! }, {})],
  });
}
