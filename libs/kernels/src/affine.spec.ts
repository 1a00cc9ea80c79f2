import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { changedAlone, hasNative } from '../test/alone.js';
import { numbersOn, startBackends } from '../test/backends.js';
import { affine } from './affine.js';
import { checkKernel, type KernelCase, sampleData } from './conformance.js';

const backends = await startBackends();

const line = (shape: readonly number[], numbers: { scale?: number; shift?: number }): KernelCase => ({
  title: `${JSON.stringify(numbers)} of [${shape}]`,
  inputs: { x: sampleData(shape, 31) },
  run: ({ x }) => affine(x!, numbers),
  oracle: ({ x }) => x!.map((value) => value * (numbers.scale ?? 1) + (numbers.shift ?? 0)),
  shape,
  gradients: ['x'],
});

test.each(backends)('affine scales and shifts every number, with its gradient, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('affine', [line([2, 3, 5], { scale: Math.sqrt(640) }), line([37], { shift: 1 }), line([1], { scale: -0.5, shift: 3 }), line([4], {})]);
});

test.each(backends)('affine carries infinity and no-number on, on %s', async (backend) => {
  expect(await numbersOn(backend, () => affine(tf.tensor1d([Infinity, Number.NaN, -Infinity]), { scale: 2, shift: 1 }))).toEqual([
    Infinity,
    Number.NaN,
    -Infinity,
  ]);
});

if (hasNative('Affine'))
  test('affine gives the same bits whatever rows are computed together', async () => {
    const run = (x: tf.Tensor): tf.Tensor => affine(x, { scale: Math.sqrt(17), shift: 1 });
    expect(await changedAlone(37, run)).toEqual([]);
    expect(await changedAlone(37, (x) => tf.grad(run)(x))).toEqual([]);
  });
