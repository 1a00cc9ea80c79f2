import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { checkKernel, sampleData, type KernelCase } from './conformance.js';
import { registerWasmProduct } from './wasm-product.js';

await startBackends();
await tf.setBackend('wasm');
registerWasmProduct();

const flips = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const;

function product(batch: number[], [m, k, n]: [number, number, number], [flipA, flipB]: readonly [boolean, boolean], gradients = ['a', 'b']): KernelCase {
  const pairs = batch.reduce((count, size) => count * size, 1);
  return {
    title: `[${batch}] × [${m}, ${k}] · [${k}, ${n}], transposed ${flipA}, ${flipB}`,
    inputs: { a: sampleData([...batch, ...(flipA ? [k, m] : [m, k])], 71), b: sampleData([...batch, ...(flipB ? [n, k] : [k, n])], 72) },
    run: ({ a, b }) => tf.matMul(a!, b!, flipA, flipB),
    oracle: ({ a, b }) =>
      Array.from({ length: pairs * m * n }, (_, at) => {
        const [pair, row, column] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n];
        let sum = 0;
        for (let i = 0; i < k; i++)
          sum += a![pair * m * k + (flipA ? i * m + row : row * k + i)]! * b![pair * k * n + (flipB ? column * k + i : i * n + column)]!;
        return sum;
      }),
    shape: [...batch, m, n],
    gradients,
  };
}

test('products of transposed matrices and of batches equal plain loops, with their gradients', () => {
  for (const flip of flips)
    checkKernel('matMul', [product([], [3, 4, 5], flip), product([1], [2, 3, 1], flip), product([2, 3], [3, 2, 4], flip), product([1, 1], [1, 1, 1], flip)]);
});

test('a batch large enough to be taken apart equals plain loops', () => {
  for (const flip of flips) checkKernel('matMul', [product([2], [256, 129, 257], flip, [])]);
});

test('one matrix broadcast over a batch, and an empty product, stay as they were', () => {
  const [a, b] = [tf.tensor3d([1, 2, 3, 4], [2, 1, 2]), tf.tensor3d([5, 6], [1, 1, 2])];
  expect(Array.from(tf.matMul(a, b, false, true).dataSync())).toEqual([17, 39]);
  expect(tf.matMul(tf.zeros([0, 2]), tf.zeros([3, 2]), false, true).shape).toEqual([0, 3]);
});
