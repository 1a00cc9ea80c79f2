import type { Statistic } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';

import { defineKernel } from './kernel.js';

/** Of `[tokens, in]`, float32 `[parts, in]`: numbers whose sum over the parts, taken in float64, is Σ x² of each feature. */
export const squareSumsKernel = defineKernel({
  name: 'SquareSums',
  reference: ({ x }: { x: tf.Tensor }, _: object): tf.Tensor => tf.square(x),
});

/**
 * Root mean square of each input feature over all calibration tokens: `sqrt(Σ x² / tokens)`, float32 `[in]`.
 * Summed in float64: activations of a few channels are so large that float32 sums cost Wanda 4 % of perplexity.
 */
export const inputNorms: Statistic<tf.Tensor> = {
  name: 'input-norms',
  create(features) {
    const sums = new Float64Array(features);
    let tokens = 0;
    return {
      async add(input) {
        const parts = squareSumsKernel({ x: input }, {});
        const values = (await parts.data()) as Float32Array;
        parts.dispose();
        tokens += input.size / features;
        for (let i = 0; i < values.length;) for (let j = 0; j < features; j++, i++) sums[j]! += values[i]!;
      },
      result() {
        const norms = new Float32Array(features);
        for (let j = 0; j < features; j++) norms[j] = Math.sqrt(sums[j]! / tokens);
        return tf.tensor1d(norms);
      },
    };
  },
};
