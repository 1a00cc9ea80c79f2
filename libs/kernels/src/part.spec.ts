import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { changedAlone, hasNative } from '../test/alone.js';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, type KernelCase, sampleData } from './conformance.js';
import { join, joinKernel, part, partKernel } from './part.js';

const backends = await startBackends();

const cut = (shape: readonly number[], from: number, size: number): KernelCase => ({
  title: `${size} from ${from} of [${shape}]`,
  inputs: { x: sampleData(shape, 21) },
  run: ({ x }) => part(x!, { from, size }),
  oracle: ({ x }) => x!.filter((_, i) => i % shape.at(-1)! >= from && i % shape.at(-1)! < from + size),
  shape: [...shape.slice(0, -1), size],
  gradients: ['x'],
});

const joined = (before: readonly number[], m: number, n: number): KernelCase => ({
  title: `[${before}, ${m}] and [${before}, ${n}]`,
  inputs: { first: sampleData([...before, m], 22), second: sampleData([...before, n], 23) },
  run: ({ first, second }) => join(first!, second!),
  oracle: ({ first, second }) =>
    Array.from({ length: first!.length / m }, (_, row) => [...first!.slice(row * m, (row + 1) * m), ...second!.slice(row * n, (row + 1) * n)]).flat(),
  shape: [...before, m + n],
  gradients: ['first', 'second'],
});

test.each(backends)('a part takes features from the middle and both ends, with its gradient, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('part', [cut([2, 3, 7], 2, 3), cut([2, 3, 7], 0, 4), cut([5, 7], 4, 3), cut([1, 1], 0, 1), cut([2, 1, 3, 4], 1, 1)]);
});

test.each(backends)('joined vectors stand one behind the other in each row, with their gradients, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('join', [joined([2, 3], 4, 2), joined([5], 1, 3), joined([1, 1], 1, 1)]);
});

test.each(backends)('infinities and no-numbers are copied like others, on %s', async (backend) => {
  const found = await numbersOn(backend, () => join(part(tf.tensor2d([[Infinity, Number.NaN, 3]]), { from: 0, size: 2 }), tf.tensor2d([[-Infinity]])));
  expect(found).toEqual([Infinity, Number.NaN, -Infinity]);
});

if (hasNative('Part')) {
  test('parts and joined vectors have the same bits whatever rows are copied together', async () => {
    const run = (x: tf.Tensor): tf.Tensor => join(part(x, { from: 5, size: 32 }), part(x, { from: 0, size: 5 }));
    expect(await changedAlone(37, run)).toEqual([]);
    expect(await changedAlone(37, (x) => tf.grad(run)(x))).toEqual([]);
  });

  test('the native rows refuse what lies beyond the last axis', async () => {
    await tf.setBackend('tensorflow');
    expect(() => partKernel({ x: tf.zeros([2, 3]) }, { from: 2, size: 2, whole: 3 })).toThrow(/within the last axis/);
    expect(() => joinKernel({ first: tf.zeros([2, 3]), second: tf.zeros([3, 3]) }, {})).toThrow(/the same sizes/);
  });
}

test.each([
  ['a part beyond the end', () => part(tf.zeros([2, 3]), { from: 2, size: 2 })],
  ['an empty part', () => part(tf.zeros([2, 3]), { from: 2, size: 0 })],
  ['vectors of other rows', () => join(tf.zeros([2, 3]), tf.zeros([3, 3]))],
])('%s is refused', (_, run) => {
  expect(run).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});
