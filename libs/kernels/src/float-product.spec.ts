import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { changedAlone, hasNative } from '../test/alone.js';
import { startEngines } from '../test/backends.js';
import { sampleData } from './conformance.js';
import { linear, linearGradKernel, linearKernel } from './linear.js';
import { precisionAttribute, withFloatChains, withPrecision } from './precision.js';

const engines = await startEngines();
let native: boolean;
beforeAll(async () => {
  native = engines.some(({ name }) => name === 'tensorflow') && hasNative('Linear');
  if (native) await tf.setBackend('tensorflow');
});

/** Whatever is fastest with many rows (0), and chains of floats (3): two ways where the processor has matrix units, else one. */
const WAYS = [0, 3] as const;

/** `x Wᵀ` by the native product. */
function product(x: readonly number[], weight: readonly number[], [m, n, k]: readonly [number, number, number], precision: 0 | 3): Float32Array {
  return tf.tidy(() =>
    linearKernel({ x: tf.tensor2d([...x], [m, k]), weight: tf.tensor2d([...weight], [n, k]), bias: undefined }, { precision }).dataSync(),
  ) as Float32Array;
}

describe('the native product of float32', () => {
  test('counts every bit: a number times one is that number, be it large, small, infinite or none', () => {
    if (!native) return;
    const random = sampleData([3, 400], 5).values;
    // 24 bits of either sign from 2⁻¹⁰⁰ on: below, products of parts are subnormal numbers.
    const spread = Array.from({ length: 400 }, (_, i) => Math.fround((1 + Math.abs(random[i]! % 1)) * Math.sign(random[400 + i]!) * 2 ** ((i % 227) - 100)));
    const largest = [2 ** 127 * (2 - 2 ** -23), 3.3895e38, 3.4e38, -3.4e38, 2 ** 127 * (2 - 2 ** -8)].map(Math.fround);
    const values = [...spread, ...largest, Infinity, -Infinity, NaN, 0];
    for (const precision of WAYS) {
      expect([...product(values, [1], [values.length, 1, 1], precision)]).toEqual(values);
      expect([...product([1], values, [1, values.length, 1], precision)]).toEqual(values);
    }
  });

  test('is as near to the exact sum as a chain of floats', () => {
    if (!native) return;
    for (const [m, n, k] of [
      [40, 50, 33],
      [40, 50, 600],
      [33, 20, 2100],
    ] as const) {
      const [x, w] = [sampleData([m, k], 1).values, sampleData([n, k], 2).values];
      const exact = Array.from({ length: m * n }, (_, i) => {
        const terms = Array.from({ length: k }, (_, step) => x[Math.floor(i / n) * k + step]! * w[(i % n) * k + step]!);
        return { sum: terms.reduce((a, b) => a + b, 0), size: terms.reduce((a, b) => a + Math.abs(b), 0) };
      });
      const [best, chain] = WAYS.map((precision) => {
        const errors = [...product(x, w, [m, n, k], precision)].map((value, i) => Math.abs(value - exact[i]!.sum) / exact[i]!.size);
        expect(Math.max(...errors)).toBeLessThan(5e-7);
        return Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length);
      });
      expect(best!).toBeLessThanOrEqual(chain!);
    }
  });

  test('brings infinities and what is no number where they belong, and nowhere else', () => {
    if (!native) return;
    for (const precision of WAYS)
      for (const odd of [Infinity, -Infinity, NaN, 3.4e38]) {
        const ones = Array.from({ length: 33 * 37 }, () => 1);
        const x = Array.from({ length: 40 * 37 }, (_, i) => (i === 35 * 37 + 20 ? odd : 1));
        product(x, ones, [40, 33, 37], precision).forEach((value, i) => expect(value).toBe(Math.floor(i / 33) === 35 ? Math.fround(odd) : 37));
        const dy = Array.from({ length: 40 * 33 }, (_, i) => (i === 35 * 33 + 5 ? odd : 1));
        const [dx, dweight] = linearGradKernel({ dy: tf.tensor2d(dy, [40, 33]), x: tf.ones([40, 37]), weight: tf.ones([33, 37]) }, { precision });
        dx!.dataSync().forEach((value, i) => expect(value).toBe(Math.floor(i / 37) === 35 ? Math.fround(odd) : 33));
        dweight!.dataSync().forEach((value, i) => expect(value).toBe(Math.floor(i / 37) === 5 ? Math.fround(odd) : 40));
        tf.dispose([dx!, dweight!]);
      }
  });

  test('gives a row to the bit, alone or with 2047 others, in either way', async () => {
    if (!native) return;
    for (const [out, inputs] of [
      [37, 37],
      [1100, 1100],
    ] as const) {
      const weight = tf.tensor2d([...sampleData([out, inputs], 2).values], [out, inputs]);
      expect(await changedAlone(inputs, (rows) => linear(rows, weight))).toEqual([]);
      expect(await changedAlone(inputs, (rows) => withFloatChains(() => linear(rows, weight)))).toEqual([]);
      weight.dispose();
    }
  });
});

test('chains of floats are asked for in float32 only, and until the function ends', () => {
  expect(withFloatChains(precisionAttribute)).toEqual({ precision: 3 });
  expect(withFloatChains(() => withPrecision('bf16', precisionAttribute))).toEqual({ precision: 1 });
  expect(() =>
    withFloatChains(() => {
      throw new Error('odd');
    }),
  ).toThrow('odd');
  expect(precisionAttribute()).toEqual({ precision: 0 });
});

test('chains of floats may be asked for with some weights', () => {
  const [one, other] = [tf.ones([1, 1]), tf.ones([1, 1])];
  withFloatChains(() => expect([one, other, undefined].map(precisionAttribute)).toEqual([{ precision: 3 }, { precision: 0 }, { precision: 0 }]), [one]);
  withFloatChains(() => expect(precisionAttribute(other)).toEqual({ precision: 3 }));
  tf.dispose([one, other]);
});
