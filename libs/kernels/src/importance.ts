import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf } from './kernel.js';

/** The row behind {@link columnSums}. */
export const columnSumsKernel = defineKernel({
  name: 'ColumnSums',
  reference: ({ scores }: { scores: tf.Tensor }): tf.Tensor => tf.tidy(() => tf.sum(tf.abs(scores), 0)),
});

/** The row behind {@link rowSums}. */
export const rowSumsKernel = defineKernel({
  name: 'RowSums',
  reference: ({ scores }: { scores: tf.Tensor }): tf.Tensor => tf.tidy(() => tf.sum(tf.abs(scores), 1)),
});

/**
 * The score of each input dimension: `S_d = ‖S over the entries of column d‖₁` (CHOP §3.2, eq. 6).
 *
 * @param scores - float32 `[out, in]`.
 * @returns float32 `[in]`.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the scores are no matrix.
 */
export function columnSums(scores: tf.Tensor): tf.Tensor {
  expectMatrix('columnSums', scores);
  return columnSumsKernel({ scores }, {});
}

/**
 * The score of each output dimension: `S_d = ‖S over the entries of row d‖₁`, eq. 6 for a matrix that writes along the axis to be cut.
 *
 * @param scores - float32 `[out, in]`.
 * @returns float32 `[out]`.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the scores are no matrix.
 */
export function rowSums(scores: tf.Tensor): tf.Tensor {
  expectMatrix('rowSums', scores);
  return rowSumsKernel({ scores }, {});
}

function expectMatrix(kernel: string, scores: tf.Tensor): void {
  expectShape(kernel, scores.rank === 2, () => `scores ${shapeOf(scores)}`, '[out, in]');
}
