import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { sampleData } from './conformance.js';
import { zeroDropped } from './zero-dropped.js';

const backends = await startBackends();

test.each(backends)('zeroDropped leaves what is kept and zeroes the rest, whatever it is, on %s', async (backend) => {
  await tf.setBackend(backend);
  for (const shape of [[1], [3, 7], [300, 301]]) {
    const values = sampleData(shape, 3).values.map((value, i) => (i % 11 === 0 ? NaN : i % 13 === 0 ? -Infinity : value));
    const kept = sampleData(shape, 4).values.map((value) => value > 0);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const weight = tf.variable(tf.tensor(values, shape));
      zeroDropped(weight, tf.tensor(kept, shape, 'bool'));
      expect([...weight.dataSync()]).toEqual(values.map((value, i) => (kept[i] ? Math.fround(value) : 0)));
      weight.dispose();
    });
    expect(tf.memory().numTensors).toBe(before);
  }
});

test.each(backends)('zeroDropped leaves others that share the memory of a weight as they are, on %s', async (backend) => {
  await tf.setBackend(backend);
  tf.tidy(() => {
    const original = tf.tensor1d([1, 2, 3]);
    const weight = tf.variable(original);
    const view = tf.reshape(weight, [3, 1]);
    zeroDropped(weight, tf.tensor1d([true, false, true], 'bool'));
    expect([original, view, weight].map((tensor) => [...tensor.dataSync()])).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [1, 0, 3],
    ]);
    weight.dispose();
  });
});

test('zeroDropped refuses a mask of another shape', () => {
  const weight = tf.variable(tf.ones([2, 3]));
  expect(() => zeroDropped(weight, tf.tensor2d([true, false], [2, 1], 'bool'))).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
  weight.dispose();
});
