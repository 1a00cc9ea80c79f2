import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf } from './kernel.js';

type Inputs = { weight: tf.Tensor; norm: tf.Tensor };

/** The row behind {@link wandaScore}. */
export const wandaScoreKernel = defineKernel({
  name: 'WandaScore',
  reference: ({ weight, norm }: Inputs): tf.Tensor => tf.tidy(() => tf.mul(tf.abs(weight), norm)),
});

/**
 * `|W[i, j]| · ‖X[:, j]‖₂`, compared within one output row (Sun et al. 2023, arXiv 2306.11695, eq. 1).
 *
 * @param weight - float32 `[out, in]`.
 * @param norm - float32 `[in]`: the norm of each input feature over the calibration tokens.
 * @returns float32 `[out, in]`.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when `in` differs.
 */
export function wandaScore(weight: tf.Tensor, norm: tf.Tensor): tf.Tensor {
  const fits = weight.rank === 2 && norm.rank === 1 && norm.size === weight.shape[1];
  expectShape('wandaScore', fits, () => `weight ${shapeOf(weight)} and norm ${shapeOf(norm)}`, 'weight [out, in] and norm [in]');
  return wandaScoreKernel({ weight, norm }, {});
}
