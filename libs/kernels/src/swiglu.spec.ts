import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { changedAlone, hasNative } from '../test/alone.js';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, sampleData, type KernelCase, type KernelData } from './conformance.js';
import { swiglu } from './swiglu.js';

const backends = await startBackends();

function of(title: string, gate: KernelData, up: KernelData): KernelCase {
  return {
    title,
    inputs: { gate, up },
    run: ({ gate, up }) => swiglu(gate!, up!),
    oracle: ({ gate, up }) => gate!.map((value, i) => (value / (1 + Math.exp(-value))) * up![i]!),
    shape: gate.shape,
    gradients: ['gate', 'up'],
  };
}

test.each(backends)('swiglu is silu(gate) · up, with its gradients, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('swiglu', [
    of('tokens', sampleData([2, 3, 5], 7), sampleData([2, 3, 5], 8)),
    of('one value', sampleData([1], 9), sampleData([1], 10)),
    of('a gate far from zero', { values: [-60, -20, 0, 20, 60], shape: [5] }, { values: [1, -2, 3, -4, 5], shape: [5] }),
  ]);
});

test.each(backends)('swiglu carries infinities and no-numbers on, on %s', async (backend) => {
  const found = await numbersOn(backend, () => swiglu(tf.tensor1d([Infinity, Number.NaN, 1, 0, -200]), tf.tensor1d([2, 1, Number.NaN, Infinity, 3])));
  expect(found.slice(0, 4)).toEqual([Infinity, Number.NaN, Number.NaN, Number.NaN]);
  expect(Math.abs(found[4]!)).toBeLessThan(1e-35);
});

if (hasNative('Swiglu'))
  test('swiglu and its gradient give the same bits whatever rows are computed together', async () => {
    expect(await changedAlone(37, (x) => swiglu(x, tf.mul(x, 3)))).toEqual([]);
    expect(await changedAlone(37, (x) => tf.grad((gate) => swiglu(gate, tf.mul(x, 3)))(x))).toEqual([]);
  });

test('swiglu refuses halves of different shape', () => {
  expect(() => swiglu(tf.zeros([2, 3]), tf.zeros([3]))).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});
