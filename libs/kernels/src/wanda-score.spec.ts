import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { checkKernel, sampleData } from './conformance.js';
import { columnSums } from './importance.js';
import { magnitude } from './magnitude.js';
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
    checkKernel('magnitude', [
      { title, inputs: { weight }, run: ({ weight: w }) => magnitude(w!), oracle: ({ weight: w }) => w!.map(Math.abs), shape: [outputs, inputs] },
    ]);
    checkKernel('wandaScore', [
      {
        title,
        inputs: { weight, norm: { ...norm, values: norm.values.map(Math.abs) } },
        run: ({ weight: w, norm: x }) => wandaScore(w!, x!),
        oracle: ({ weight: w, norm: x }) => w!.map((value, at) => Math.abs(value) * x![at % inputs]!),
        shape: [outputs, inputs],
      },
    ]);
    checkKernel('columnSums', [
      {
        title,
        inputs: { weight },
        run: ({ weight: w }) => columnSums(w!),
        oracle: ({ weight: w }) =>
          Array.from({ length: inputs }, (_, column) => w!.reduce((sum, value, at) => sum + (at % inputs === column ? Math.abs(value) : 0), 0)),
        shape: [inputs],
      },
    ]);
  }
});

test('scores refuse norms of another width and columns of what is no matrix', () => {
  expect(() => wandaScore(tf.zeros([2, 3]), tf.zeros([2]))).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
  expect(() => columnSums(tf.zeros([3]))).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});
