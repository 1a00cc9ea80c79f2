import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf } from './kernel.js';

/** Bits of an int32. */
const PER_WORD = 32;

/** The row behind {@link packBits}: bool of any shape as int32 `[ceil(size / 32)]`, whose bytes are the bits. */
export const packBitsKernel = defineKernel({
  name: 'PackBits',
  reference: ({ kept }: { kept: tf.Tensor }, _: object): tf.Tensor =>
    tf.tidy(() => {
      const words = Math.ceil(kept.size / PER_WORD);
      const flat = tf.cast(tf.reshape(kept, [kept.size]), 'int32');
      const rows = tf.reshape(tf.pad(flat, [[0, words * PER_WORD - kept.size]]), [words, PER_WORD]);
      // The lowest byte first, of each byte the highest bit first.
      const places = Int32Array.from({ length: PER_WORD }, (_none, i) => 1 << (i ^ 7));
      return tf.sum(tf.mul(rows, tf.tensor1d(places, 'int32')), 1);
    }),
});

/**
 * Eight booleans to a byte, the first in the highest bit, zeros behind the last: what `numpy.packbits` makes of them.
 *
 * @param kept - bool, any shape, row after row.
 * @returns `ceil(size / 8)` bytes.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when it is not bool.
 */
export async function packBits(kept: tf.Tensor): Promise<Uint8Array> {
  expectShape('packBits', kept.dtype === 'bool', () => shapeOf(kept), 'bool of any shape');
  const words = packBitsKernel({ kept }, {});
  const { buffer, byteOffset } = await words.data<'int32'>();
  words.dispose();
  return new Uint8Array(buffer, byteOffset, Math.ceil(kept.size / 8));
}
