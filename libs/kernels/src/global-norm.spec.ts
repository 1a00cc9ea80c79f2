import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, sampleData } from './conformance.js';
import { globalNorm } from './global-norm.js';

const backends = await startBackends();

test.each(backends)('globalNorm is the length of all tensors as one vector, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('globalNorm', [
    {
      title: 'a matrix, a vector and a scalar',
      inputs: { a: sampleData([3, 4, 2], 51), b: sampleData([5], 52), c: sampleData([], 53) },
      run: ({ a, b, c }) => globalNorm([a!, b!, c!]),
      oracle: (inputs) => [Math.hypot(...Object.values(inputs).flat())],
      shape: [],
    },
  ]);
  expect(await numbersOn(backend, () => globalNorm([]))).toEqual([0]);
});

test.each(backends)('a million equal entries lose no digits, on %s', async (backend) => {
  const [norm] = await numbersOn(backend, () => globalNorm([tf.fill([1000, 1000], 0.1)]));
  expect(Math.abs(norm! / (1000 * Math.fround(0.1)) - 1)).toBeLessThan(1e-5);
});

test.each(backends)('lengths around a block of the sum, on %s', async (backend) => {
  for (const size of [1, 16383, 16384, 16385, 40000]) {
    const [norm] = await numbersOn(backend, () => globalNorm([tf.fill([size], 0.5), tf.zeros([0]), tf.fill([3, 5], -2)]));
    expect(Math.abs(norm! / Math.sqrt(size / 4 + 60) - 1)).toBeLessThan(1e-6);
  }
});

test.each(backends)('infinities and what is no number are seen in the norm, on %s', async (backend) => {
  expect(await numbersOn(backend, () => globalNorm([tf.zeros([20000]), tf.tensor1d([1, -Infinity])]))).toEqual([Infinity]);
  expect(await numbersOn(backend, () => globalNorm([tf.tensor1d([NaN]), tf.zeros([20000])]))).toEqual([NaN]);
});
