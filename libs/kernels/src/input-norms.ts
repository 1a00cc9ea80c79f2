import type { Statistic } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Root mean square of each input feature over all calibration tokens: `sqrt(Σ x² / tokens)`, float32 `[in]`.
 * Summed in float64 on the host: activations of a few channels are so large that float32 sums cost Wanda 4 % of perplexity.
 */
export const inputNorms: Statistic<tf.Tensor> = {
  name: 'input-norms',
  create(features) {
    const sums = new Float64Array(features);
    let tokens = 0;
    return {
      async add(input) {
        const values = (await input.data()) as Float32Array;
        tokens += values.length / features;
        for (let i = 0; i < values.length;) for (let j = 0; j < features; j++, i++) sums[j]! += values[i]! * values[i]!;
      },
      result: () => tf.tensor1d(Float32Array.from(sums, (sum) => Math.sqrt(sum / tokens))),
    };
  },
};
