import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { changedAlone, hasNative } from '../test/alone.js';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, sampleData, type KernelCase } from './conformance.js';
import { gatedLinear } from './gated-linear.js';
import { hearCalls } from './kernel.js';
import { linear } from './linear.js';
import { packWeights } from './packed-weights.js';
import { withFloatChains, withPrecision } from './precision.js';
import { keepNofM } from './select.js';
import { swiglu } from './swiglu.js';

const backends = await startBackends();

function of(rows: readonly number[], inputs: number, out: number): KernelCase {
  const product = (x: readonly number[], weight: readonly number[]): number[] =>
    Array.from({ length: (x.length / inputs) * out }, (_, i) => {
      const [row, column] = [Math.floor(i / out), i % out];
      return Array.from({ length: inputs }, (_, k) => x[row * inputs + k]! * weight[column * inputs + k]!).reduce((sum, value) => sum + value, 0);
    });
  return {
    title: `[${rows}], ${inputs} to ${out}`,
    inputs: { x: sampleData([...rows, inputs], 1), gate: sampleData([out, inputs], 2), up: sampleData([out, inputs], 3) },
    run: ({ x, gate, up }) => gatedLinear(x!, gate!, up!),
    oracle: ({ x, gate, up }) => {
      const other = product(x!, up!);
      return product(x!, gate!).map((value, i) => (value / (1 + Math.exp(-value))) * other[i]!);
    },
    shape: [...rows, out],
    gradients: ['x', 'gate', 'up'],
  };
}

test.each(backends)('gatedLinear is silu(x gateᵀ) · (x upᵀ), with its gradients, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('gatedLinear', [of([2, 3], 5, 7), of([1], 1, 1), of([9], 3, 2), of([0], 3, 2)]);
});

test.each(backends)('gatedLinear carries infinities and no-numbers on, on %s', async (backend) => {
  for (const odd of [NaN, Infinity]) {
    const x = Array.from({ length: 12 * 2 }, (_, i) => (i === 7 * 2 ? odd : 1));
    const found = await numbersOn(backend, () => gatedLinear(tf.tensor2d(x, [12, 2]), tf.ones([3, 2]), tf.ones([3, 2])));
    found.forEach((value, i) => (Math.floor(i / 3) === 7 ? expect(value).toBe(odd) : expect(value).toBeCloseTo(4 / (1 + Math.exp(-2)), 5)));
  }
});

const WAYS: readonly (<T>(run: () => T) => T)[] = [(run) => run(), (run) => withFloatChains(run), (run) => withPrecision('bf16', run)];

if (hasNative('GatedLinear'))
  describe('the native op', () => {
    beforeAll(async () => void (await tf.setBackend('tensorflow')));

    // Few rows and many, wide and narrow (which factor stays at hand), several stretches along the inputs, whole tiles and not.
    test.each([
      [1, 96, 64],
      [6, 37, 33],
      [7, 37, 33],
      [33, 64, 1],
      [100, 1100, 70],
      [500, 2100, 40],
      [70, 33, 700],
      [2048, 96, 128],
      [3, 0, 5],
    ])('of %i rows, %i to %i is what its parts give, to the bit', (rows, inputs, out) => {
      for (const way of WAYS)
        tf.tidy(() => {
          const [x, gate, up] = [sampleData([rows, inputs], 4), sampleData([out, inputs], 5), sampleData([out, inputs], 6)].map(({ values, shape }) =>
            tf.tensor2d([...values], shape as [number, number]),
          ) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
          const [whole, parts] = [way(() => gatedLinear(x, gate, up)), way(() => swiglu(linear(x, gate), linear(x, up)))].map((y) => y.dataSync<'float32'>());
          expect(Buffer.compare(Buffer.from(whole!.buffer, whole!.byteOffset), Buffer.from(parts!.buffer, parts!.byteOffset))).toBe(0);
          if (inputs === 0) expect([...whole!]).toEqual(Array.from({ length: rows * out }, () => 0));
        });
    });

    test('gives a row to the bit, alone or with 2047 others', async () => {
      const [gate, up] = [2, 3].map((seed) => tf.tensor2d([...sampleData([37, 37], seed).values], [37, 37])) as [tf.Tensor2D, tf.Tensor2D];
      for (const way of WAYS) expect(await changedAlone(37, (rows) => way(() => gatedLinear(rows, gate, up)))).toEqual([]);
      tf.dispose([gate, up]);
    });

    test('multiplies by the packed twins of weights that have them', () => {
      const [x, dense] = [tf.tensor2d([...sampleData([9, 8], 1).values], [9, 8]), tf.tensor2d([...sampleData([4, 8], 2).values], [4, 8])];
      const weights = [dense, tf.neg(dense)].map((weight) =>
        tf.tidy(() => tf.variable(tf.where(keepNofM(tf.abs(weight), 2, 4), weight, tf.zerosLike(weight)))),
      );
      const [gate, up] = weights as [tf.Variable, tf.Variable];
      const before = gatedLinear(x, gate, up).dataSync();
      const release = packWeights(weights);
      weights.forEach((weight) => weight.dispose()); // only the twins are left to multiply by
      expect(gatedLinear(x, gate, up).dataSync()).toEqual(before);
      expect(tf.tidy(() => hearCalls(() => gatedLinear(x, gate, up)).calls.map(({ kernel }) => kernel.name))).toEqual(['PackedGatedLinear']);
      release();
    });

    test('multiplies by the twin of one of them alone, and in bfloat16 by none', () => {
      const [x, whole] = [tf.tensor2d([...sampleData([9, 8], 1).values], [9, 8]), tf.tensor2d([...sampleData([4, 8], 2).values], [4, 8])];
      const pruned = tf.variable(tf.where(keepNofM(tf.abs(whole), 2, 4), whole, tf.zerosLike(whole)));
      const called = (run: () => tf.Tensor): string[] => tf.tidy(() => hearCalls(run).calls.map(({ kernel }) => kernel.name));
      const release = packWeights([pruned]);
      expect(called(() => gatedLinear(x, pruned, whole))).toEqual(['PackedLinear', 'Linear', 'Swiglu']);
      expect(called(() => withPrecision('bf16', () => gatedLinear(x, pruned, pruned)))).not.toContain('PackedGatedLinear');
      release();
      pruned.dispose();
    });

    test('with chains of floats for one of them alone computes both apart', () => {
      const [x, gate, up] = [tf.ones([2, 3]), tf.ones([4, 3]), tf.ones([4, 3])];
      const found = withFloatChains(() => gatedLinear(x, gate, up), [gate]);
      expect(found.dataSync()[0]).toBeCloseTo(9 / (1 + Math.exp(-3)), 5);
    });
  });

test('gatedLinear refuses matrices that do not fit', () => {
  const refused = expect.objectContaining({ code: 'KERNEL_SHAPE' });
  expect(() => gatedLinear(tf.ones([2, 3]), tf.ones([4, 3]), tf.ones([5, 3]))).toThrow(refused);
  expect(() => gatedLinear(tf.ones([2, 3]), tf.ones([4, 2]), tf.ones([4, 2]))).toThrow(refused);
  expect(() => gatedLinear(tf.ones([2, 3]), tf.ones([3]), tf.ones([3]))).toThrow(refused);
});
