import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { changedAlone, hasNative } from '../test/alone.js';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, sampleData, type KernelCase } from './conformance.js';
import { layerNorm } from './layer-norm.js';

const backends = await startBackends();

function over(title: string, shape: number[], eps: number, { biased = true, live = shape.at(-1)! } = {}): KernelCase {
  const n = shape.at(-1)!;
  // Features beyond the live ones are zero, as a mask leaves them.
  const alive = (values: readonly number[]): number[] => values.map((value, i) => (i % n < live ? value : 0));
  const x = sampleData(shape, 5);
  return {
    title,
    inputs: { x: { shape, values: alive(x.values) }, gain: sampleData([n], 6), ...(biased ? { bias: sampleData([n], 7) } : {}) },
    run: ({ x: of, gain, bias }) => layerNorm(of!, gain!, { bias, eps, ...(live < n ? { live } : {}) }),
    oracle: ({ x: of, gain, bias }) =>
      of!.map((value, at) => {
        const row = of!.slice(at - (at % n), at - (at % n) + n);
        const mean = row.reduce((sum, entry) => sum + entry, 0) / live;
        // E x² − (E x)², so that a step away from zero of a feature that is not live is seen too.
        const variance = row.reduce((sum, entry) => sum + entry * entry, 0) / live - mean * mean;
        return ((value - mean) / Math.sqrt(variance + eps)) * gain![at % n]! + (bias?.[at % n] ?? 0);
      }),
    shape,
    gradients: biased ? ['x', 'gain', 'bias'] : ['x', 'gain'],
  };
}

test.each(backends)('layerNorm takes off the mean and divides by the deviation, with its gradients, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('layerNorm', [
    over('tokens', [2, 3, 7], 1e-5),
    over('without a bias', [4, 6], 1e-5, { biased: false }),
    over('one feature', [3, 1], 1e-2),
    over('a vector', [5], 1e-6),
    over('more rows than one block', [70, 3], 1e-5),
    over('live features only', [2, 6], 1e-5, { live: 4 }),
  ]);
});

test.each(backends)('layerNorm of a masked width with live features is close to that of the sliced one, on %s', async (backend) => {
  const masked = await numbersOn(backend, () =>
    tf.gather(layerNorm(tf.tensor2d([[3, 0, -4, 2, 0]]), tf.tensor1d([1, 0, 2, 3, 0]), { eps: 1e-5, live: 3 }), [0, 2, 3], 1),
  );
  const sliced = await numbersOn(backend, () => layerNorm(tf.tensor2d([[3, -4, 2]]), tf.tensor1d([1, 2, 3]), { eps: 1e-5 }));
  masked.forEach((value, i) => expect(Math.abs(value - sliced[i]!)).toBeLessThan(1e-6));
});

test.each(backends)('layerNorm keeps its digits far from zero, on %s', async (backend) => {
  const [near, far] = [0, 4096].map((level) => () => layerNorm(tf.tensor1d([level - 1, level + 1, level - 2, level + 2]), tf.ones([4]), { eps: 1e-5 }));
  expect(await numbersOn(backend, far!)).toEqual(await numbersOn(backend, near!));
});

test.each(backends)('a row with a no-number has none of its own and changes no other, on %s', async (backend) => {
  const found = await numbersOn(backend, () => layerNorm(tf.tensor2d([1, Number.NaN, 1, -1, Infinity, 0], [3, 2]), tf.ones([2]), { eps: 0 }));
  expect(found.map(Number.isNaN)).toEqual([true, true, false, false, true, true]);
  expect(found.slice(2, 4)).toEqual([1, -1]);
});

if (hasNative('LayerNorm'))
  test('layerNorm and its gradient give the same bits whatever rows are computed together', async () => {
    const [gain, bias] = [tf.linspace(0.5, 2, 37), tf.linspace(-1, 1, 37)];
    const run = (x: tf.Tensor): tf.Tensor => layerNorm(x, gain, { bias, eps: 1e-5 });
    expect(await changedAlone(37, run)).toEqual([]);
    expect(await changedAlone(37, (x) => tf.grad((of) => tf.square(run(of)))(x))).toEqual([]);
  });

test('layerNorm refuses a gain or bias of another width and more live features than there are', () => {
  expect(() => layerNorm(tf.zeros([2, 3]), tf.ones([2]), { eps: 1e-5 })).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
  expect(() => layerNorm(tf.zeros([2, 3]), tf.ones([3]), { bias: tf.ones([2]), eps: 1e-5 })).toThrow(/bias float32 \[2\]/);
  expect(() => layerNorm(tf.zeros([2, 3]), tf.ones([3]), { eps: 1e-5, live: 4 })).toThrow(/4 live features/);
});
