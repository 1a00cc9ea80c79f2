import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';

type Inputs = { table: tf.Tensor; ids: tf.Tensor };

/** The row behind {@link embedding}. */
export const embeddingKernel = defineKernel({
  name: 'Embedding',
  reference: ({ table, ids }: Inputs): tf.Tensor =>
    withGradient({
      inputs: [table],
      saved: [ids],
      forward: () => tf.gather(table, ids as tf.Tensor1D),
      // Duplicate ids are summed. (TensorFlow.js's own gradient of `gather` needs a kernel that wasm lacks.)
      backward: (dy, [kept]) => {
        const [vocab, width] = table.shape as [number, number];
        return [tf.scatterND(tf.reshape(kept!, [-1, 1]), tf.reshape(dy, [-1, width]), [vocab, width])];
      },
    }),
});

/**
 * The rows of a table by index; the gradient goes to the table.
 *
 * @param table - float32 `[vocab, width]`.
 * @param ids - int32 `[...]`, each in `0 … vocab − 1` (the caller checks: what an index outside does depends on the backend).
 * @returns float32 `[..., width]`.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the table is no matrix or the ids are not int32.
 */
export function embedding(table: tf.Tensor, ids: tf.Tensor): tf.Tensor {
  const fits = table.rank === 2 && ids.dtype === 'int32';
  expectShape('embedding', fits, () => `table ${shapeOf(table)} and ids ${shapeOf(ids)}`, 'table float32 [vocab, width] and ids int32 [...]');
  return embeddingKernel({ table, ids }, {});
}
