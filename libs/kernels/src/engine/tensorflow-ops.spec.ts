import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../../test/backends.js';

if ((await startBackends()).includes('tensorflow'))
  describe('reshape on the native engine', () => {
    test.each(['float32', 'int32', 'bool'] as const)('keeps the numbers of %s, whatever the shape', async (dtype) => {
      await tf.setBackend('tensorflow');
      const values = [1, 0, 1, 1, 0, 0];
      const x = tf.tensor(values, [2, 3], dtype);
      for (const shape of [[6], [3, 2], [-1, 2], [1, 6, 1], [2, 3]]) {
        const made = tf.reshape(x, shape);
        expect([made.dtype, Array.from(made.dataSync())]).toEqual([dtype, values]);
        expect(made.shape).toEqual(shape.map((size) => (size === -1 ? 3 : size)));
        made.dispose();
      }
      expect(tf.reshape(tf.tensor([7], [1], dtype), []).shape).toEqual([]);
      expect(tf.reshape(tf.tensor([], [0, 4], dtype), [2, 0]).shape).toEqual([2, 0]);
    });

    test('takes words and complex numbers too', async () => {
      await tf.setBackend('tensorflow');
      expect(tf.reshape(tf.tensor(['a', 'b'], [2], 'string'), [2, 1]).dataSync()).toEqual(['a', 'b']);
      const complex = tf.reshape(tf.complex([1, 2], [3, 4]), [2, 1]);
      expect([complex.shape, Array.from(tf.imag(complex).dataSync())]).toEqual([
        [2, 1],
        [3, 4],
      ]);
    });

    test('of more shapes than are kept is right for each of them, and leaves nothing behind', async () => {
      await tf.setBackend('tensorflow');
      const x = tf.range(0, 1100);
      const before = tf.memory().numTensors;
      for (let turn = 0; turn < 2; turn++)
        for (let size = 1; size <= 1100; size++)
          tf.tidy(() => {
            const column = tf.reshape(tf.slice(x, 0, size), [size, 1]);
            expect(column.shape).toEqual([size, 1]);
            if (size % 100 === 0) expect(column.dataSync()[size - 1]).toBe(size - 1);
          });
      expect(tf.memory().numTensors).toBe(before);
      x.dispose();
    });
  });
