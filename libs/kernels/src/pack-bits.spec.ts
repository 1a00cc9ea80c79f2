import { expect, test } from '@jest/globals';
import { Mask } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { startBackends } from '../test/backends.js';
import { packBits } from './pack-bits.js';

const backends = await startBackends();

test.each(backends)('packBits makes of booleans the bits of a mask, on %s', async (backend) => {
  await tf.setBackend(backend);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 300 }), async (kept) => {
      const before = tf.memory().numTensors;
      const tensor = tf.tensor1d(kept, 'bool');
      expect([...(await packBits(tensor))]).toEqual([...Mask.from([kept.length], kept).bits]);
      tensor.dispose();
      expect(tf.memory().numTensors).toBe(before);
    }),
    { numRuns: 60 },
  );
});

test.each(backends)('packBits takes every byte that is not zero for true, over many rows at once, on %s', async (backend) => {
  await tf.setBackend(backend);
  const bytes = Uint8Array.from({ length: 701 * 333 }, (_, i) => ((i * i) % 7 < 3 ? 0 : 1 << (i % 8)));
  const tensor = tf.tensor2d(bytes, [701, 333], 'bool');
  expect(Buffer.from(await packBits(tensor)).equals(Mask.from([701, 333], bytes).bits)).toBe(true);
  tensor.dispose();
});

test('packBits refuses numbers', async () => {
  const numbers = tf.tensor1d([0, 1]);
  await expect(packBits(numbers)).rejects.toMatchObject({ code: 'KERNEL_SHAPE' });
  numbers.dispose();
});
