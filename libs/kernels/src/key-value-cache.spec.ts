import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { keyValueCache } from './key-value-cache.js';

const backends = await startBackends();

/** Tokens of a layer, no two alike. */
const tokens = (count: number, seed: number): tf.Tensor4D => tf.randomNormal([2, count, 3, 4], 0, 1, 'float32', seed);

test.each(backends)('what is appended piece by piece stands there in order, through every growth, on %s', async (backend) => {
  await tf.setBackend(backend);
  const before = tf.memory().numTensors;
  const cache = keyValueCache();
  const pieces = [5, 1, 1, 90, 3].map((count, i) => ({ k: tokens(count, 10 + i), v: tokens(count, 20 + i) }));
  for (const [i, { k, v }] of pieces.entries()) {
    const all = cache.append(7, k, v);
    cache.advance(k.shape[1]);
    const so = pieces.slice(0, i + 1);
    const length = so.reduce((sum, piece) => sum + piece.k.shape[1], 0);
    expect(cache.length).toBe(length);
    for (const side of ['k', 'v'] as const) {
      const [found, expected] = tf.tidy(() => [
        tf.slice(all[side], [0, 0, 0, 0], [-1, length, -1, -1]).dataSync(),
        tf
          .concat(
            so.map((piece) => piece[side]),
            1,
          )
          .dataSync(),
      ]);
      expect(found).toEqual(expected);
    }
  }
  cache.dispose();
  tf.dispose(pieces);
  expect(tf.memory().numTensors).toBe(before);
});

test.each(backends)('layers do not mix, and a new start is empty, on %s', async (backend) => {
  await tf.setBackend(backend);
  const cache = keyValueCache();
  const [one, other] = [tokens(2, 1), tokens(2, 2)];
  cache.append(0, one, one);
  const { k } = cache.append(1, other, other);
  expect(tf.tidy(() => tf.slice(k, [0, 0, 0, 0], [-1, 2, -1, -1]).dataSync())).toEqual(other.dataSync());
  cache.advance(2);
  cache.dispose();
  expect(cache.length).toBe(0);
  tf.dispose([one, other]);
});
