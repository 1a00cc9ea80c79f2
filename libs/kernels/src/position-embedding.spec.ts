import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { hasNative } from '../test/alone.js';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, type KernelCase, sampleData } from './conformance.js';
import { positionEmbedding, positionEmbeddingKernel } from './position-embedding.js';

const backends = await startBackends();

const placed = ([batch, tokens, width]: [number, number, number], context: number, offset: number): KernelCase => ({
  title: `[${[batch, tokens, width]}] from position ${offset} of ${context}`,
  inputs: { x: sampleData([batch, tokens, width], 41), table: sampleData([context, width], 42) },
  run: ({ x, table }) => positionEmbedding(x!, table!, offset),
  oracle: ({ x, table }) => x!.map((value, i) => value + table![(offset + (Math.floor(i / width) % tokens)) * width + (i % width)]!),
  shape: [batch, tokens, width],
  gradients: ['x', 'table'],
});

test.each(backends)('every token gets the row of its position, with its gradients, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('positionEmbedding', [placed([2, 3, 5], 8, 0), placed([3, 2, 4], 8, 5), placed([1, 1, 1], 1, 0), placed([2, 4, 3], 4, 0)]);
});

test.each(backends)('a no-number stays in its own place, on %s', async (backend) => {
  const found = await numbersOn(backend, () => positionEmbedding(tf.tensor3d([[[Number.NaN], [1]]]), tf.tensor2d([[1], [2], [Infinity]]), 1));
  expect(found).toEqual([Number.NaN, Infinity]);
});

if (hasNative('PositionEmbedding'))
  test('the native row counts from the position that it is given, and refuses one beyond the table', async () => {
    await tf.setBackend('tensorflow');
    const run = (at: number): number[] => {
      const inputs = { x: tf.zeros([1, 2, 1]), table: tf.tensor2d([[1], [2], [3]]), at: tf.scalar(at, 'int32') };
      return Array.from(positionEmbeddingKernel(inputs, { position: 0 }).dataSync());
    };
    expect(run(1)).toEqual([2, 3]);
    expect(() => run(2)).toThrow(/at most 3 tokens/);
    expect(() => run(-1)).toThrow(/at most 3 tokens/);
  });

test.each([
  ['a text that is too long', () => positionEmbedding(tf.zeros([1, 3, 2]), tf.zeros([4, 2]), 2)],
  ['a table of another width', () => positionEmbedding(tf.zeros([1, 3, 2]), tf.zeros([4, 3]))],
])('%s is refused', (_, run) => {
  expect(run).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});
