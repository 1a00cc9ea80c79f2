import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { adamw } from './adamw.js';

const backends = await startBackends();

const WEIGHT = [0.5, -1.25, 2, 0, 1e-3, -3];
const GRADIENTS = [
  [0.1, -0.2, 0, 0.3, -1e-6, 5],
  [0.05, 0.4, -0.7, 0.3, 2e-6, -4],
  [-0.2, 0.1, 0.25, 0, 1e-3, 0.5],
];
// torch 2.9.1, float64: AdamW([p], lr=1e-2, betas=(0.9, 0.95), eps=1e-8, weight_decay=…), one step per gradient.
const DECAYED = [0.48117215400550356, -1.2440765485864966, 2.0046074418490893, -0.027799986936918247, 0.0010324566133916198, -3.002531578666789];
const UNDECAYED = [0.482641271578017, -1.2478064435768867, 2.0106087934489656, -0.027829976935918578, 0.001051634618999763, -3.0115431545279434];
const FIRST = [-0.007400000110268589, 0.029800000444054595, -0.037999998927116384, 0.051300002038478835, 0.00010009900474949517, 0.09499999999999997];
const SECOND = [0.0025700000765919713, 0.009905000295192016, 0.026399999207258253, 0.008336250662505647, 5.0000239874744104e-8, 1.9006250000000013];

function expectNear(found: tf.Tensor, expected: readonly number[], tolerance: number): void {
  Array.from(found.dataSync()).forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(tolerance));
}

test.each(backends.flatMap((backend) => [[backend, 0.1, DECAYED] as const, [backend, 0, UNDECAYED] as const]))(
  'three steps of AdamW on %s with decay %d are those of PyTorch',
  async (backend, decay, expected) => {
    await tf.setBackend(backend);
    const weight = tf.variable(tf.tensor(WEIGHT, [2, 3]));
    const [m, v] = [tf.variable(tf.zeros([2, 3])), tf.variable(tf.zeros([2, 3]))];
    const before = tf.memory().numTensors;
    GRADIENTS.forEach((values, step) => {
      const gradient = tf.tensor(values, [2, 3]);
      adamw(weight, gradient, { m, v }, { lr: 1e-2, beta1: 0.9, beta2: 0.95, eps: 1e-8, decay, step: step + 1 });
      expect(Array.from(gradient.dataSync())).toEqual(values.map(Math.fround));
      gradient.dispose();
    });
    expectNear(weight, expected, 3e-7);
    expectNear(m, FIRST, 5e-8);
    expectNear(v, SECOND, 2e-7);
    expect(tf.memory().numTensors).toBe(before);
  },
);

test('adamw leaves the tensor alone that a variable was made from', () => {
  const origin = tf.tensor1d([1, 2]);
  const [weight, m, v] = [tf.variable(origin), tf.variable(tf.zeros([2])), tf.variable(tf.zeros([2]))];
  adamw(weight, tf.ones([2]), { m, v }, { lr: 0.5, beta1: 0.9, beta2: 0.95, eps: 1e-8, decay: 0, step: 1 });
  expect(Array.from(origin.dataSync())).toEqual([1, 2]);
  expectNear(weight, [0.5, 1.5], 1e-6);
});

test('adamw refuses a gradient of another shape', () => {
  const [weight, m, v] = [tf.variable(tf.zeros([2])), tf.variable(tf.zeros([2])), tf.variable(tf.zeros([2]))];
  expect(() => adamw(weight, tf.zeros([1]), { m, v }, { lr: 1, beta1: 0.9, beta2: 0.9, eps: 1, decay: 0, step: 1 })).toThrow(
    expect.objectContaining({ code: 'KERNEL_SHAPE' }),
  );
});
