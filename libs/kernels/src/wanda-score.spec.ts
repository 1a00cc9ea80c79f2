import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, sampleData } from './conformance.js';
import { wandaScore } from './wanda-score.js';

const backends = await startBackends();

test.each(backends)('scores of weights and columns, on %s', async (backend) => {
  await tf.setBackend(backend);
  for (const [outputs, inputs] of [
    [3, 5],
    [1, 1],
    [1, 4],
    [131, 17],
    [6, 1],
  ] as const) {
    const title = `[${outputs}, ${inputs}]`;
    const weight = sampleData([outputs, inputs], 61);
    const norm = sampleData([inputs], 62);
    checkKernel('wandaScore', [
      {
        title,
        inputs: { weight, norm: { ...norm, values: norm.values.map(Math.abs) } },
        run: ({ weight: w, norm: x }) => wandaScore(w!, x!),
        oracle: ({ weight: w, norm: x }) => w!.map((value, at) => Math.abs(value) * x![at % inputs]!),
        shape: [outputs, inputs],
      },
    ]);
  }
});

test.each(backends.filter((backend) => backend !== 'wasm'))('what is no number or infinite reaches its own scores and no other, on %s', async (backend) => {
  const scores = await numbersOn(backend, () => wandaScore(tf.tensor2d([[NaN, -Infinity, 2, 0], [1, -1, -3, 4]]), tf.tensor1d([1, 2, NaN, Infinity]))); // prettier-ignore
  expect(scores).toEqual([NaN, Infinity, NaN, NaN, 1, 2, NaN, Infinity]);
});

test('scores refuse norms of another width', () => {
  expect(() => wandaScore(tf.zeros([2, 3]), tf.zeros([2]))).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});
