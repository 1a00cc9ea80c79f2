import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { hasNative } from '../test/alone.js';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, sampleData, type KernelCase } from './conformance.js';
import { linear } from './linear.js';
import { packWeights } from './packed-weights.js';
import { withFloatChains, withPrecision } from './precision.js';
import { queryKeyValue } from './query-key-value.js';
import { keepNofM } from './select.js';

const backends = await startBackends();

/** One of the three, of as many heads. */
function of(which: 'q' | 'k' | 'v', rows: readonly number[], inputs: number, heads: number, inner: number): KernelCase {
  const out = heads * inner;
  return {
    title: `${which} of [${rows}], ${inputs} to ${heads} heads of ${inner}`,
    inputs: { x: sampleData([...rows, inputs], 1), weight: sampleData([out, inputs], 2), other: sampleData([inner, inputs], 3) },
    run: ({ x, weight, other }) => {
      const all = queryKeyValue(x!, { q: other!, k: other!, v: other!, [which]: weight! }, inner);
      for (const role of ['q', 'k', 'v'] as const) if (role !== which) all[role].dispose();
      return all[which];
    },
    oracle: ({ x, weight }) =>
      Array.from({ length: (x!.length / inputs) * out }, (_, i) => {
        const [row, column] = [Math.floor(i / out), i % out];
        return Array.from({ length: inputs }, (_, k) => x![row * inputs + k]! * weight![column * inputs + k]!).reduce((sum, value) => sum + value, 0);
      }),
    shape: [...rows, heads, inner],
    gradients: ['x', 'weight'],
  };
}

test.each(backends)('queryKeyValue makes heads of three products, with their gradients, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('queryKeyValue', [of('q', [2, 3], 5, 3, 4), of('k', [1], 1, 1, 1), of('v', [9], 3, 2, 2)]);
});

test.each(backends)('queryKeyValue carries infinities and no-numbers on, on %s', async (backend) => {
  for (const odd of [NaN, Infinity]) {
    const x = Array.from({ length: 12 * 2 }, (_, i) => (i === 7 * 2 ? odd : 1));
    const found = await numbersOn(backend, () => queryKeyValue(tf.tensor2d(x, [12, 2]), { q: tf.ones([3, 2]), k: tf.ones([3, 2]), v: tf.ones([3, 2]) }, 3).k);
    found.forEach((value, i) => expect(value).toBe(Math.floor(i / 3) === 7 ? odd : 2));
  }
});

const WAYS: readonly (<T>(run: () => T) => T)[] = [(run) => run(), (run) => withFloatChains(run), (run) => withPrecision('bf16', run)];

if (hasNative('QueryKeyValue'))
  describe('the native op', () => {
    beforeAll(async () => void (await tf.setBackend('tensorflow')));

    // Few rows and many (which side stays at hand), groups of slivers that hold several matrices, several stretches along the inputs, whole tiles and not.
    test.each([
      [1, 96, [64, 32, 32]],
      [6, 37, [66, 33, 33]],
      [7, 37, [66, 33, 33]],
      [33, 64, [9, 3, 1]],
      [300, 70, [70, 10, 10]],
      [100, 1100, [130, 70, 70]],
      [500, 2100, [40, 20, 10]],
      [70, 33, [700, 70, 140]],
      [2048, 96, [128, 32, 32]],
      [4, 0, [2, 1, 1]],
    ] as const)('of %i rows of %i numbers is what three products are, to the bit', (rows, inputs, outs) => {
      for (const way of WAYS)
        tf.tidy(() => {
          const [x, ...weights] = [[rows, inputs], ...outs.map((out) => [out, inputs])].map((shape, seed) =>
            tf.tensor([...sampleData(shape, seed).values], shape),
          );
          const [q, k, v] = weights as [tf.Tensor, tf.Tensor, tf.Tensor];
          const together = way(() => queryKeyValue(x!, { q, k, v }, 1));
          [q, k, v].forEach((weight, i) => {
            const [found, wanted] = [[together.q, together.k, together.v][i]!, way(() => linear(x!, weight))].map((y) => y.dataSync<'float32'>());
            expect(Buffer.compare(Buffer.from(found!.buffer, found!.byteOffset), Buffer.from(wanted!.buffer, wanted!.byteOffset))).toBe(0);
            if (inputs === 0) expect([...found!]).toEqual(Array.from({ length: rows * outs[i]! }, () => 0));
          });
        });
    });

    test('multiplies by the packed twins of weights that have them', () => {
      const x = tf.tensor2d([...sampleData([9, 8], 1).values], [9, 8]);
      const weights = [2, 3, 4].map((seed) =>
        tf.tidy(() => {
          const dense = tf.tensor2d([...sampleData([4, 8], seed).values], [4, 8]);
          return tf.variable(tf.where(keepNofM(tf.abs(dense), 2, 4), dense, tf.zerosLike(dense)));
        }),
      );
      const [q, k, v] = weights as [tf.Variable, tf.Variable, tf.Variable];
      const numbers = (): number[][] => Object.values(queryKeyValue(x, { q, k, v }, 2)).map((heads: tf.Tensor) => [...heads.dataSync()]);
      const before = numbers();
      const release = packWeights(weights);
      weights.forEach((weight) => weight.dispose()); // only the twins are left to multiply by
      expect(numbers()).toEqual(before);
      release();
    });
  });

test('queryKeyValue refuses weights that do not fit', () => {
  const refused = expect.objectContaining({ code: 'KERNEL_SHAPE' });
  const weights = { q: tf.ones([4, 3]), k: tf.ones([4, 3]), v: tf.ones([4, 3]) };
  expect(() => queryKeyValue(tf.ones([2, 3]), { ...weights, v: tf.ones([4, 2]) }, 2)).toThrow(refused);
  expect(() => queryKeyValue(tf.ones([2, 3]), weights, 3)).toThrow(refused);
  expect(() => queryKeyValue(tf.ones([2, 3]), { ...weights, k: tf.ones([3]) }, 1)).toThrow(refused);
});
