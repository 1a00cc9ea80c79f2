import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, sampleData } from './conformance.js';
import { columnSums, rowSums } from './importance.js';
import { magnitude } from './magnitude.js';

const backends = await startBackends();

/** Σ |S| over the entries whose place has the same `key`. */
const sums = (values: readonly number[], count: number, key: (at: number) => number): number[] =>
  Array.from({ length: count }, (_, wanted) => values.reduce((sum, value, at) => sum + (key(at) === wanted ? Math.abs(value) : 0), 0));

test.each(backends)('magnitudes, and their sums along either axis, on %s', async (backend) => {
  await tf.setBackend(backend);
  for (const [outputs, inputs] of [
    [3, 5],
    [1, 1],
    [1, 37],
    [131, 17],
    [67, 1],
  ] as const) {
    const scores = sampleData([outputs, inputs], 61);
    const one = { title: `[${outputs}, ${inputs}]`, inputs: { scores } };
    checkKernel('magnitude', [{ ...one, run: ({ scores: s }) => magnitude(s!), oracle: ({ scores: s }) => s!.map(Math.abs), shape: [outputs, inputs] }]);
    checkKernel('columnSums', [
      { ...one, run: ({ scores: s }) => columnSums(s!), oracle: ({ scores: s }) => sums(s!, inputs, (at) => at % inputs), shape: [inputs] },
    ]);
    checkKernel('rowSums', [
      { ...one, run: ({ scores: s }) => rowSums(s!), oracle: ({ scores: s }) => sums(s!, outputs, (at) => Math.floor(at / inputs)), shape: [outputs] },
    ]);
  }
});

test('the native sums of many are those in float64', async () => {
  if (!backends.includes('tensorflow')) return;
  // In float32, 2²⁴ + 1 is 2²⁴: adding ones to it one after another would change nothing.
  const line = [2 ** 24, ...Array.from({ length: 9000 }, () => 1)];
  const exact = [2 ** 24 + 9000];
  expect(await numbersOn('tensorflow', () => rowSums(tf.tensor2d(line, [1, 9001])))).toEqual(exact);
  expect(await numbersOn('tensorflow', () => columnSums(tf.tensor2d(line, [9001, 1])))).toEqual(exact);
});

test.each(backends.filter((backend) => backend !== 'wasm'))('what is no number or infinite stays in its row and column, on %s', async (backend) => {
  const scores = [NaN, 1, -2, -Infinity, 3, 4];
  const given = (): tf.Tensor => tf.tensor2d(scores, [2, 3]);
  expect(await numbersOn(backend, () => magnitude(given()))).toEqual([NaN, 1, 2, Infinity, 3, 4]);
  expect(await numbersOn(backend, () => rowSums(given()))).toEqual([NaN, Infinity]);
  expect(await numbersOn(backend, () => columnSums(given()))).toEqual([NaN, 4, 6]);
});

test('sums refuse what is no matrix', () => {
  for (const along of [columnSums, rowSums]) expect(() => along(tf.zeros([3]))).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});
