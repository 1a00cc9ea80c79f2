import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { sampleData } from './conformance.js';
import { inputNorms } from './input-norms.js';

const backends = await startBackends();

/** The norms over all windows given, and what they should be in float64. */
async function normsOf(windows: readonly (readonly number[])[], features: number) {
  const accumulator = inputNorms.create(features);
  for (const values of windows) {
    const input = tf.tensor2d([...values], [values.length / features, features]);
    await accumulator.add(input);
    input.dispose();
  }
  const norms = accumulator.result();
  const found = Array.from(norms.dataSync());
  norms.dispose();
  const all = windows.flat().map(Math.fround);
  const expected = Array.from({ length: features }, (_, feature) => {
    const own = all.filter((_, at) => at % features === feature);
    return Math.sqrt(own.reduce((sum, value) => sum + value * value, 0) / own.length);
  });
  return { found, expected };
}

test.each(backends)('norms of input features over windows of any length, on %s', async (backend) => {
  await tf.setBackend(backend);
  const before = tf.memory().numTensors;
  for (const [features, lengths] of [
    [5, [1, 3]],
    [1, [64, 65, 1]],
    [33, [130]],
  ] as const) {
    const windows = lengths.map((tokens, i) => sampleData([tokens, features], 70 + i).values);
    const { found, expected } = await normsOf(windows, features);
    found.forEach((value, i) => expect(Math.abs(value / expected[i]! - 1)).toBeLessThan(2e-7));
  }
  expect(tf.memory().numTensors).toBe(before);
});

test.each(backends)('one huge activation does not swallow the small ones, on %s', async (backend) => {
  await tf.setBackend(backend);
  // In float32, 2²⁴ + 1 is 2²⁴: adding 4095 ones to it one after another would change nothing.
  const { found, expected } = await normsOf(
    [
      [4096, ...Array.from({ length: 4095 }, () => 1)],
      [1, 1, 1],
    ],
    1,
  );
  expect(Math.abs(found[0]! / expected[0]! - 1)).toBeLessThan(1e-7);
});

test.each(backends)('what is no number stays in its feature, on %s', async (backend) => {
  await tf.setBackend(backend);
  const { found } = await normsOf([[NaN, 3, Infinity, 1, 4, 2]], 3);
  expect(found).toEqual([NaN, Math.fround(Math.sqrt(12.5)), Infinity]);
});
