import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, sampleData, type KernelCase } from './conformance.js';
import { embedding } from './embedding.js';

const backends = await startBackends();

function ofIds(title: string, ids: number[], shape: number[], vocab: number, width: number): KernelCase {
  return {
    title,
    inputs: { table: sampleData([vocab, width], 4), ids: { values: ids, shape, dtype: 'int32' } },
    run: ({ table, ids }) => embedding(table!, ids!),
    oracle: ({ table, ids }) => ids!.flatMap((id) => table!.slice(id * width, (id + 1) * width)),
    shape: [...shape, width],
    gradients: ['table'],
  };
}

test.each(backends)('embedding takes rows by index and adds up the gradients of an index seen twice, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('embedding', [
    ofIds('a batch with repeated ids', [2, 0, 2, 6, 2, 5], [2, 3], 7, 3),
    ofIds('one id of one row', [0], [1], 1, 1),
    ofIds('rank 3', [1, 1, 0, 2], [1, 2, 2], 3, 5),
  ]);
});

test.each(backends)('what is no number or infinite stays in the rows that have it, and in the gradients of those, on %s', async (backend) => {
  const table = (): tf.Tensor2D => tf.tensor2d([[NaN, 1], [2, 3], [-Infinity, 4]]); // prettier-ignore
  const ids = (): tf.Tensor1D => tf.tensor1d([1, 0, 2, 1], 'int32');
  expect(await numbersOn(backend, () => embedding(table(), ids()))).toEqual([2, 3, NaN, 1, -Infinity, 4, 2, 3]);
  const scale = (): tf.Tensor2D => tf.tensor2d([[1, 2], [NaN, 1], [3, -Infinity], [1, 1]]); // prettier-ignore
  const gradient = (): tf.Tensor => tf.grad((x) => tf.sum(tf.mul(embedding(x, ids()), scale())))(table());
  expect(await numbersOn(backend, gradient)).toEqual([NaN, 1, 2, 3, 3, -Infinity]);
});

test('embedding refuses ids that are not whole numbers', () => {
  expect(() => embedding(tf.zeros([3, 2]), tf.tensor1d([0, 1]))).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});
