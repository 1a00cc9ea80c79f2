import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { numbersOn, startBackends } from '../test/backends.js';
import { sampleData } from './conformance.js';
import { addSensitivity, platonScore, platonUpdate } from './platon.js';

const backends = await startBackends();

/** CHOP §3.2, eqs. 1 to 5, for one weight in float64. */
function scored(weight: number, gradients: readonly number[], beta1: number, beta2: number): number {
  let [smooth, uncertain] = [0, 0];
  for (const gradient of gradients) {
    const own = Math.abs(weight * gradient);
    smooth = beta1 * smooth + (1 - beta1) * own;
    uncertain = beta2 * uncertain + (1 - beta2) * Math.abs(own - smooth);
  }
  return smooth * uncertain;
}

test.each(backends)('PLATON scores follow equations 1 to 5 over three windows, on %s', async (backend) => {
  await tf.setBackend(backend);
  const weights = [0.5, -2, 0, 3];
  const gradients = [
    [1, 0.25, 4, -0.5],
    [-1, 0.5, 3, 0.1],
    [0.5, -0.75, 2, 0],
  ];
  const weight = tf.tensor2d(weights, [2, 2]);
  const state = { smooth: tf.variable(tf.zeros([2, 2])), uncertain: tf.variable(tf.zeros([2, 2])) };
  const before = tf.memory().numTensors;
  for (const gradient of gradients) {
    const sum = tf.tidy(() => tf.variable(tf.zeros([2, 2])));
    tf.tidy(() => {
      addSensitivity(sum, weight, tf.tensor2d(gradient, [2, 2]));
      platonUpdate(state, sum, { beta1: 0.85, beta2: 0.95 });
    });
    sum.dispose();
  }
  expect(tf.memory().numTensors).toBe(before);
  const scores = Array.from(platonScore(state).dataSync());
  weights.forEach((value, i) =>
    expect(
      Math.abs(
        scores[i]! -
          scored(
            value,
            gradients.map((gradient) => gradient[i]!),
            0.85,
            0.95,
          ),
      ),
    ).toBeLessThan(1e-8),
  );
});

test.each(backends)('sensitivities of a window add up, on %s', async (backend) => {
  await tf.setBackend(backend);
  for (const size of [1, 17, 5003]) {
    const [weight, first, second] = [1, 2, 3].map((seed) => sampleData([size], seed).values.map(Math.fround)) as [number[], number[], number[]];
    const sum = tf.variable(tf.zeros([size]));
    for (const gradient of [first, second]) tf.tidy(() => addSensitivity(sum, tf.tensor1d(weight), tf.tensor1d(gradient)));
    Array.from(sum.dataSync()).forEach((value, i) =>
      expect(Math.abs(value - (Math.abs(weight[i]! * first[i]!) + Math.abs(weight[i]! * second[i]!)))).toBeLessThan(2e-6),
    );
  }
});

test.each(backends.filter((backend) => backend !== 'wasm'))(
  'what is no number or infinite reaches the score of its weight and no other, on %s',
  async (backend) => {
    const scores = await numbersOn(backend, () => {
      const [sum, smooth, uncertain] = [0, 1, 2].map(() => tf.variable(tf.zeros([4]))) as [tf.Variable, tf.Variable, tf.Variable];
      addSensitivity(sum, tf.tensor1d([NaN, 1, 1, 2]), tf.tensor1d([1, Infinity, NaN, 2]));
      platonUpdate({ smooth, uncertain }, sum, { beta1: 0.5, beta2: 0.5 });
      return platonScore({ smooth, uncertain });
    });
    // The uncertainty of an infinity is ∞ − ∞.
    expect(scores).toEqual([NaN, NaN, NaN, 2]);
  },
);

test('states, weights and gradients of other shapes are refused', () => {
  const [small, large] = [tf.variable(tf.zeros([2])), tf.variable(tf.zeros([3]))];
  const refusal = expect.objectContaining({ code: 'KERNEL_SHAPE' }) as unknown as Error;
  expect(() => addSensitivity(small, large, large)).toThrow(refusal);
  expect(() => addSensitivity(small, small, large)).toThrow(refusal);
  expect(() => platonUpdate({ smooth: small, uncertain: large }, small, { beta1: 0.85, beta2: 0.95 })).toThrow(refusal);
});

test.each(backends)("an update of many weights, and what shares the state's memory keeps its values, on %s", async (backend) => {
  await tf.setBackend(backend);
  const size = 5003;
  const [first, second] = [sampleData([size], 1), sampleData([size], 2)].map(({ values }) => values.map((value) => Math.fround(Math.abs(value)))) as [
    number[],
    number[],
  ];
  const origin = tf.zeros([size]);
  const state = { smooth: tf.variable(origin), uncertain: tf.variable(tf.clone(origin)) };
  for (const values of [first, second]) platonUpdate(state, tf.tensor1d(values), { beta1: 0.85, beta2: 0.95 });
  expect(new Set(origin.dataSync())).toEqual(new Set([0]));
  const [smooth, uncertain] = [state.smooth.dataSync(), state.uncertain.dataSync()];
  first.forEach((value, i) => {
    const [before, after] = [0.15 * value, 0.85 * 0.15 * value + 0.15 * second[i]!];
    expect(Math.abs(smooth[i]! - after)).toBeLessThan(1e-6);
    expect(Math.abs(uncertain[i]! - (0.95 * 0.05 * Math.abs(value - before) + 0.05 * Math.abs(second[i]! - after)))).toBeLessThan(1e-6);
  });
});
