import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf } from './kernel.js';

/** Bits in one number: floats, in which the definition adds and as which WebGPU computes int32, are exact up to 24. */
const TOGETHER = 16;

/** The row behind {@link packBits}: bool of any shape as int32 `[ceil(size / 16)]`, each two bytes of bits, the first one lowest. */
export const packBitsKernel = defineKernel({
  name: 'PackBits',
  reference: ({ kept }: { kept: tf.Tensor }, _: object): tf.Tensor =>
    tf.tidy(() => {
      const count = Math.ceil(kept.size / TOGETHER);
      // A bool may be any byte, which nothing but a cast to int32 shows whole on every engine: a GPU looks at its lowest bit elsewhere.
      const flat = tf.cast(tf.notEqual(tf.cast(tf.reshape(kept, [kept.size]), 'int32'), 0), 'float32');
      const bits = tf.reshape(tf.pad(flat, [[0, count * TOGETHER - kept.size]]), [count, TOGETHER]);
      const places = Array.from({ length: TOGETHER }, (_none, i) => 1 << (i ^ 7)); // of each byte the highest bit first
      return tf.cast(tf.sum(tf.mul(bits, places), 1), 'int32');
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
  const pairs = packBitsKernel({ kept }, {});
  try {
    return new Uint8Array(new Uint16Array(await pairs.data<'int32'>()).buffer, 0, Math.ceil(kept.size / 8));
  } finally {
    pairs.dispose();
  }
}
