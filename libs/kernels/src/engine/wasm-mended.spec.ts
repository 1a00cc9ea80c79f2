import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from './start.js';

beforeAll(async () => {
  await startEngine({ engine: 'wasm' });
});

/** Fills and frees small blocks: where a kernel wrote over its neighbours, the allocator stumbles here. */
function stirMemory(): void {
  const blocks = Array.from({ length: 200 }, (_, i) => tf.zeros([((i * 37) % 301) + 1]));
  for (const block of blocks) block.dispose();
}

test('kernels on booleans do not write over other memory', () => {
  const condition = tf.tensor2d([1, 0, 0, 1, 1, 0], [2, 3], 'bool');
  for (let round = 0; round < 50; round += 1) {
    const chosen = tf.where(condition, condition, tf.zerosLike(condition));
    const turned = tf.reverse(condition, [1]);
    const hot = tf.oneHot(tf.tensor1d([2, 0], 'int32'), 3, 1, 0, 'bool');
    stirMemory();
    expect([chosen.dtype, [...chosen.dataSync()]]).toEqual(['bool', [1, 0, 0, 1, 1, 0]]);
    expect([turned.dtype, [...turned.dataSync()]]).toEqual(['bool', [0, 0, 1, 0, 1, 1]]);
    expect([hot.dtype, [...hot.dataSync()]]).toEqual(['bool', [0, 0, 1, 1, 0, 0]]);
  }
});

test('whatever is not zero becomes true, NaN too', () => {
  const floats = tf.cast(tf.tensor1d([0, 0.3, -1.5, NaN, 300]), 'bool');
  const ints = tf.cast(tf.tensor1d([0, 3, -256], 'int32'), 'bool');
  expect([...floats.dataSync()]).toEqual([0, 1, 1, 1, 1]);
  expect([...ints.dataSync()]).toEqual([0, 1, 1]);
});

test('oneHot writes its values in the dtype that was asked for', () => {
  const hot = tf.oneHot(tf.tensor1d([1, -1, 3, 0], 'int32'), 3, 0.5, -2, 'float32');
  expect(hot.arraySync()).toEqual([
    [-2, 0.5, -2],
    [-2, -2, -2],
    [-2, -2, -2],
    [0.5, -2, -2],
  ]);
});

test('whole numbers are clipped and sliced as whole numbers', () => {
  const x = tf.tensor1d([-3, 0, 2, 7, 20_000_001], 'int32');
  const sliced = tf.stridedSlice(x, [0], [5], [2]);
  expect([...tf.clipByValue(x, 0, 5).dataSync()]).toEqual([0, 0, 2, 5, 5]);
  expect([sliced.dtype, [...sliced.dataSync()]]).toEqual(['int32', [-3, 2, 20_000_001]]);
  expect([...tf.stridedSlice(tf.tensor1d([1, 0, 1, 0], 'bool'), [0], [4], [2]).dataSync()]).toEqual([1, 1]);
});

test('the mended kernels leave no tensor behind', () => {
  const a = tf.tensor1d([1, 0], 'bool');
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    tf.where(a, a, a);
    tf.cast(tf.cast(a, 'float32'), 'bool');
    tf.clipByValue(tf.cast(a, 'int32'), 0, 1);
  });
  expect(tf.memory().numTensors).toBe(before);
  const kept = tf.reverse(a);
  expect(tf.memory().numTensors).toBe(before + 1);
  kept.dispose();
});
