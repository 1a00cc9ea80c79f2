import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { adamw } from './adamw.js';
import { sampleData } from './conformance.js';
import { lion } from './lion.js';

const backends = await startBackends();

type Moments = Record<'m' | 'v', tf.Variable>;
type Update = (weight: tf.Variable, gradient: tf.Tensor, moments: Moments, step: number) => void;

const byAdamw =
  (decay: number, lr = 1e-2): Update =>
  (weight, gradient, moments, step) =>
    adamw(weight, gradient, moments, { lr, beta1: 0.9, beta2: 0.95, eps: 1e-8, decay, step });
const byLion =
  (decay: number, lr = 1e-2): Update =>
  (weight, gradient, moments) =>
    lion(weight, gradient, moments, { lr, beta1: 0.9, beta2: 0.99, decay });

const WEIGHT = [0.5, -1.25, 2, 0, 1e-3, -3];
const GRADIENTS = [
  [0.1, -0.2, 0, 0.3, -1e-6, 5],
  [0.05, 0.4, -0.7, 0.3, 2e-6, -4],
  [-0.2, 0.1, 0.25, 0, 1e-3, 0.5],
];

/** A value after three steps, and how far from it float32 may end. */
type Near = readonly [expected: readonly number[], tolerance: number];

// torch 2.9.1, float64: AdamW([p], lr=1e-2, betas=(0.9, 0.95), eps=1e-8, weight_decay=…), one step per gradient.
const ADAMW_M: Near = [
  [-0.007400000110268589, 0.029800000444054595, -0.037999998927116384, 0.051300002038478835, 0.00010009900474949517, 0.09499999999999997],
  5e-8,
];
const ADAMW_V: Near = [
  [0.0025700000765919713, 0.009905000295192016, 0.026399999207258253, 0.008336250662505647, 5.0000239874744104e-8, 1.9006250000000013],
  2e-7,
];

const STEPS: readonly { rule: string; update: Update; weight: Near; m: Near; v?: Near }[] = [
  {
    rule: "PyTorch's AdamW with decay",
    update: byAdamw(0.1),
    weight: [[0.48117215400550356, -1.2440765485864966, 2.0046074418490893, -0.027799986936918247, 0.0010324566133916198, -3.002531578666789], 3e-7],
    m: ADAMW_M,
    v: ADAMW_V,
  },
  {
    rule: "PyTorch's AdamW without decay",
    update: byAdamw(0),
    weight: [[0.482641271578017, -1.2478064435768867, 2.0106087934489656, -0.027829976935918578, 0.001051634618999763, -3.0115431545279434], 3e-7],
    m: ADAMW_M,
    v: ADAMW_V,
  },
  {
    // In torch 2.9.1, float64: u = sign(0.9 m + 0.1 g); w −= 0.01 (u + 0.1 w); m = 0.99 m + 0.01 g.
    rule: "Algorithm 2 of Lion's paper",
    update: byLion(0.1),
    weight: [[0.4885314895, -1.25626373875, 1.993995998, -0.02997001, -0.009012987001, -3.000999007], 5e-7],
    m: [[-0.0005249, 0.0029998, -0.00443, 0.0059103, 1.0009999e-5, 0.014405], 1e-8],
  },
];

const zeros = (shape: number[]): Moments => ({ m: tf.variable(tf.zeros(shape)), v: tf.variable(tf.zeros(shape)) });

function expectNear(found: tf.Tensor, [expected, tolerance]: Near): void {
  Array.from(found.dataSync()).forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(tolerance));
}

describe.each(backends)('on %s', (backend) => {
  test.each(STEPS)('three steps are those of $rule', async ({ update, weight: expected, m, v }) => {
    await tf.setBackend(backend);
    const [weight, moments] = [tf.variable(tf.tensor(WEIGHT, [2, 3])), zeros([2, 3])];
    const before = tf.memory().numTensors;
    GRADIENTS.forEach((values, step) => {
      const gradient = tf.tensor(values, [2, 3]);
      update(weight, gradient, moments, step + 1);
      expect(Array.from(gradient.dataSync())).toEqual(values.map(Math.fround));
      gradient.dispose();
    });
    expectNear(weight, expected);
    expectNear(moments.m, m);
    if (v) expectNear(moments.v, v);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('a gradient of 1e-20 moves its weight by the whole rate of Lion', async () => {
    await tf.setBackend(backend);
    const weight = tf.variable(tf.zeros([2]));
    byLion(0, 0.25)(weight, tf.tensor1d([1e-20, -1e-20]), zeros([2]), 1);
    expect(Array.from(weight.dataSync())).toEqual([-0.25, 0.25]);
  });
});

/** One step from a weight and moments of 0 in float64: AdamW's first change is the rate times g / (|g| + eps / c). */
const clipped = (weight: number, gradient: number): number => weight * (1 - 0.01 * 0.1) - (0.01 * gradient) / (Math.abs(gradient) + 1e-8);

describe.each(backends)('on %s', (backend) => {
  test.each([1, 7, 2047, 2048, 6001])('AdamW takes the clipping factor and holds the mask of %i weights', async (size) => {
    await tf.setBackend(backend);
    const values = (seed: number): number[] => Array.from(sampleData([size], seed).values, Math.fround);
    const [weights, gradients] = [values(1), values(2)];
    const kept = weights.map((_, i) => i % 3 !== 1);
    const [weight, moments, mask] = [tf.variable(tf.tensor1d(weights)), zeros([size]), tf.tensor1d(kept, 'bool')];
    const before = tf.memory().numTensors;
    const gradient = tf.tensor1d(gradients);
    adamw(weight, gradient, moments, { lr: 1e-2, beta1: 0.9, beta2: 0.95, eps: 1e-8, decay: 0.1, step: 1, scale: 0.25, mask });
    gradient.dispose();
    expect(tf.memory().numTensors).toBe(before);
    const expected = weights.map((value, i) => (kept[i] ? clipped(value, gradients[i]! * 0.25) : 0));
    expectNear(weight, [expected, 3e-7]);
    // The moments are those of the whole gradient: a mask holds weights.
    expectNear(moments.m, [gradients.map((g) => 0.1 * 0.25 * g), 1e-8]);
    expectNear(moments.v, [gradients.map((g) => 0.05 * (0.25 * g) ** 2), 1e-8]);
  });

  test('Lion takes the clipping factor and holds the mask', async () => {
    await tf.setBackend(backend);
    const [weight, moments] = [tf.variable(tf.tensor1d([1, 2, 3])), zeros([3])];
    const mask = tf.tensor1d([true, false, true], 'bool');
    lion(weight, tf.tensor1d([4, 4, -8]), moments, { lr: 0.5, beta1: 0.9, beta2: 0.99, decay: 0, scale: 0.5, mask });
    expect(Array.from(weight.dataSync())).toEqual([0.5, 0, 3.5]);
    expectNear(moments.m, [[0.02, 0.02, -0.04], 1e-8]);
  });

  test('a mask holds what is no number at zero, and elsewhere that is seen', async () => {
    await tf.setBackend(backend);
    const [weight, moments] = [tf.variable(tf.tensor1d([1, 2, 3])), zeros([3])];
    const options = { lr: 0.5, beta1: 0.9, beta2: 0.99, eps: 1e-8, decay: 0, step: 1, mask: tf.tensor1d([true, false, true], 'bool') };
    adamw(weight, tf.tensor1d([NaN, NaN, 1]), moments, options);
    const [first, second, third] = weight.dataSync();
    expect([first, second]).toEqual([NaN, 0]);
    expect(third).toBeCloseTo(2.5, 5);
  });
});

describe.each(backends)('what shares the memory of a weight keeps its values, on %s', (backend) => {
  test.each<[string, (origin: tf.Tensor) => tf.Tensor]>([
    ['the tensor that a variable was made from', (origin) => origin],
    ['a clone', (origin) => tf.clone(origin)],
    ['another shape of it', (origin) => tf.reshape(origin, [origin.size])],
    ['a slice of all', (origin) => tf.slice(origin, [0], [origin.size])],
  ])('%s', async (_, from) => {
    await tf.setBackend(backend);
    for (const update of [byAdamw(0.1), byLion(0.1)]) {
      const origin = tf.tensor1d(WEIGHT);
      const [weight, moments] = [tf.variable(from(origin)), { m: tf.variable(from(tf.zeros([6]))), v: tf.variable(tf.zeros([6])) }];
      update(weight, tf.ones([6]), moments, 1);
      expect(Array.from(origin.dataSync())).toEqual(WEIGHT.map(Math.fround));
      expect(weight.dataSync()[0]).not.toBe(WEIGHT[0]);
    }
  });

  test('an array of JavaScript', async () => {
    await tf.setBackend(backend);
    for (const size of [6, 4096]) {
      const values = new Float32Array(size).fill(2);
      const weight = tf.variable(tf.tensor1d(values));
      byAdamw(0.1)(weight, tf.ones([size]), zeros([size]), 1);
      expect(new Set(values)).toEqual(new Set([2]));
      expect(weight.dataSync()[0]).toBeLessThan(2);
    }
  });

  test('steps between which other operations read weight and moments', async () => {
    await tf.setBackend(backend);
    const [weight, moments] = [tf.variable(tf.ones([40])), zeros([40])];
    for (const step of [1, 2, 3]) {
      byAdamw(0)(weight, tf.ones([40]), moments, step);
      for (const variable of [weight, moments.m, moments.v]) tf.tidy(() => tf.sqrt(tf.sub(variable, 100)));
    }
    expectNear(weight, [Array.from({ length: 40 }, () => 0.97), 1e-6]);
    expectNear(moments.m, [Array.from({ length: 40 }, () => 1 - 0.9 ** 3), 1e-6]);
  });

  test('what was read before the step', async () => {
    await tf.setBackend(backend);
    const weight = tf.variable(tf.tensor1d(WEIGHT));
    const before = weight.dataSync();
    const kept = tf.mul(weight, 1);
    byAdamw(0.1)(weight, tf.ones([6]), zeros([6]), 1);
    expect(Array.from(before)).toEqual(WEIGHT.map(Math.fround));
    expect(Array.from(kept.dataSync())).toEqual(WEIGHT.map(Math.fround));
  });
});

test('a weight with gradient and moment 0 moves by its decay only', () => {
  const weight = tf.variable(tf.tensor1d([2]));
  byLion(0.5, 0.25)(weight, tf.zeros([1]), zeros([1]), 1);
  expect(Array.from(weight.dataSync())).toEqual([1.75]);
});

describe.each([
  ['adamw', byAdamw(0, 0.5)],
  ['lion', byLion(0, 0.5)],
] as const)('%s', (_, update) => {
  test('refuses a gradient and a moment of another shape', () => {
    const weight = tf.variable(tf.zeros([2]));
    const refusal = expect.objectContaining({ code: 'KERNEL_SHAPE' });
    expect(() => update(weight, tf.zeros([1]), zeros([2]), 1)).toThrow(refusal);
    expect(() => update(weight, tf.zeros([2]), zeros([3]), 1)).toThrow(refusal);
    const mask = tf.ones([3], 'bool');
    expect(() => lion(weight, tf.zeros([2]), zeros([2]), { lr: 1, beta1: 0.9, beta2: 0.99, decay: 0, mask })).toThrow(refusal);
  });
});
