import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { sampleData } from '../src/conformance.js';
import { linear, projection, rmsNorm, tokenLogProbabilities } from '../src/index.js';
import { changedAlone, hasNative } from './alone.js';
import { startBackends } from './backends.js';

let native: boolean;
beforeAll(async () => void (native = (await startBackends()).includes('tensorflow') && hasNative('Linear')));

const WIDTH = 37;
const sample = (shape: number[], seed: number): tf.Tensor => tf.tensor([...sampleData(shape, seed).values], shape);

describe('a row is the same to the bit, alone or with 2047 others', () => {
  test.each<[string, (rows: tf.Tensor2D) => tf.Tensor]>([
    ['rmsNorm', (rows) => rmsNorm(rows, sample([WIDTH], 1), { eps: 1e-5 })],
    ['linear', (rows) => linear(rows, sample([WIDTH, WIDTH], 2), sample([WIDTH], 3))],
    [
      'tokenLogProbabilities',
      (rows) => {
        const targets = tf.cast(tf.fill([rows.shape[0]], 5), 'int32');
        return tf.tile(tf.expandDims(tokenLogProbabilities(projection(rows, sample([101, WIDTH], 4)), targets), 1), [1, WIDTH]);
      },
    ],
  ])('%s', async (_, compute) => {
    if (native) expect(await changedAlone(WIDTH, compute)).toEqual([]);
  });
});
