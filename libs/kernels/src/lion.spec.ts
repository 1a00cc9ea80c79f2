import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { lion } from './lion.js';

const backends = await startBackends();

const WEIGHT = [0.5, -1.25, 2, 0, 1e-3, -3];
const GRADIENTS = [
  [0.1, -0.2, 0, 0.3, -1e-6, 5],
  [0.05, 0.4, -0.7, 0.3, 2e-6, -4],
  [-0.2, 0.1, 0.25, 0, 1e-3, 0.5],
];
// Algorithm 2 in torch 2.9.1, float64: u = sign(0.9 m + 0.1 g); w −= 0.01 (u + 0.1 w); m = 0.99 m + 0.01 g.
const EXPECTED = [0.4885314895, -1.25626373875, 1.993995998, -0.02997001, -0.009012987001, -3.000999007];
const MOMENT = [-0.0005249, 0.0029998, -0.00443, 0.0059103, 1.0009999e-5, 0.014405];

test.each(backends)('three steps of Lion on %s are those of Algorithm 2', async (backend) => {
  await tf.setBackend(backend);
  const [weight, m] = [tf.variable(tf.tensor(WEIGHT, [3, 2])), tf.variable(tf.zeros([3, 2]))];
  const before = tf.memory().numTensors;
  for (const values of GRADIENTS) tf.tidy(() => lion(weight, tf.tensor(values, [3, 2]), { m }, { lr: 0.01, beta1: 0.9, beta2: 0.99, decay: 0.1 }));
  expect(tf.memory().numTensors).toBe(before);
  Array.from(weight.dataSync()).forEach((value, i) => expect(Math.abs(value - EXPECTED[i]!)).toBeLessThan(5e-7));
  Array.from(m.dataSync()).forEach((value, i) => expect(Math.abs(value - MOMENT[i]!)).toBeLessThan(1e-8));
});

test.each(backends)('a gradient of 1e-20 still moves its weight by the whole rate, on %s', async (backend) => {
  await tf.setBackend(backend);
  const [weight, m] = [tf.variable(tf.zeros([2])), tf.variable(tf.zeros([2]))];
  lion(weight, tf.tensor1d([1e-20, -1e-20]), { m }, { lr: 0.25, beta1: 0.9, beta2: 0.99, decay: 0 });
  expect(Array.from(weight.dataSync())).toEqual([-0.25, 0.25]);
});

test('a weight with gradient and moment 0 moves by its decay only', () => {
  const [weight, m] = [tf.variable(tf.tensor1d([2])), tf.variable(tf.zeros([1]))];
  lion(weight, tf.zeros([1]), { m }, { lr: 0.25, beta1: 0.9, beta2: 0.99, decay: 0.5 });
  expect(Array.from(weight.dataSync())).toEqual([1.75]);
});

test('lion refuses a moment of another shape', () => {
  const [weight, m] = [tf.variable(tf.zeros([2])), tf.variable(tf.zeros([3]))];
  expect(() => lion(weight, tf.zeros([2]), { m }, { lr: 1, beta1: 0.9, beta2: 0.9, decay: 0 })).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});
