import { ShapeError } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf } from './kernel.js';

/** Inputs of a group, and of them those that stay. */
const [GROUP, KEPT] = [4, 2];
/** Positions in a word, of two bits each. */
const PER_WORD = 16;

/**
 * A matrix `[out, in]` of which at most two of every four inputs are not zero (2:4 sparsity, Mishra et al. 2021, arXiv 2104.08378), packed: 53 % of the
 * bytes. Row after row, group after group, in the order of the inputs; where a group has less than two, zeros at its first free inputs fill it up.
 */
export interface TwoOfFour {
  /** float32 `[out, in / 2]`. */
  readonly values: tf.Tensor2D;
  /**
   * int32 `[out, ceil(in / 32)]`: where in its group each value stands, two bits each, 16 to a word, the first lowest. Read as bytes, lowest first, these are
   * the two-bit indices `[out, in / 8]` that files of 2:4 weights have.
   */
  readonly positions: tf.Tensor2D;
}

/** The row behind {@link packTwoOfFour}: values, positions, and the first group that has more than two, or −1; where there is one, the others mean nothing. */
export const packTwoOfFourKernel = defineKernel({
  name: 'PackTwoOfFour',
  reference: ({ weight }: { weight: tf.Tensor }): tf.Tensor[] =>
    tf.tidy(() => {
      const [out, inputs] = weight.shape as [number, number];
      const groups = tf.reshape(weight, [-1, GROUP]);
      const there = tf.notEqual(groups, 0);
      const order = tf.add(tf.range(0, GROUP), tf.mul(tf.cast(tf.logicalNot(there), 'float32'), GROUP)); // what is not zero first
      const kept = tf.topk(tf.neg(order), KEPT).indices;
      const positions = tf.stack([tf.min(kept, 1), tf.max(kept, 1)], 1);
      const picked = tf.where(tf.cast(tf.oneHot(positions, GROUP), 'bool'), tf.tile(tf.expandDims(groups, 1), [1, KEPT, 1]), tf.zeros([1]));
      const crowded = tf.cast(tf.greater(tf.sum(tf.cast(there, 'int32'), 1), KEPT), 'int32');
      const first = tf.where(tf.cast(tf.max(crowded), 'bool'), tf.argMax(crowded), tf.scalar(-1, 'int32'));
      return [tf.reshape(tf.sum(picked, 2), [out, inputs / 2]), wordsOf(tf.reshape(positions, [out, inputs / 2])), tf.reshape(first, [1])];
    }),
});

/**
 * Packs a 2:4 matrix.
 *
 * @param weight - float32 `[out, in]`, `in` a multiple of 4; −0 counts as zero.
 * @returns owned by the caller.
 * @throws {@link ShapeError} `KERNEL_SHAPE` for another shape; `KERNEL_TWO_OF_FOUR` with the first group that has more than two entries.
 */
export function packTwoOfFour(weight: tf.Tensor): TwoOfFour {
  const packed = tryTwoOfFour(weight);
  if ('values' in packed) return packed;
  const perRow = weight.shape[1]! / GROUP;
  const [row, input] = [Math.floor(packed.crowded / perRow), (packed.crowded % perRow) * GROUP];
  throw new ShapeError('KERNEL_TWO_OF_FOUR', {
    kernel: 'packTwoOfFour',
    found: `more than two weights that are not zero in row ${row}, inputs ${input} to ${input + GROUP - 1}`,
    expected: 'at most two of every four',
    remedy: 'Mask the weight first: 2:4.',
  });
}

/** The packed matrix, or the first group that has more than two entries. */
export function tryTwoOfFour(weight: tf.Tensor): TwoOfFour | { readonly crowded: number } {
  const fits = weight.rank === 2 && weight.shape[1]! > 0 && weight.shape[1]! % GROUP === 0;
  expectShape('packTwoOfFour', fits, () => shapeOf(weight), '[out, in] with in a multiple of 4');
  const [values, positions, first] = packTwoOfFourKernel({ weight }, {});
  const crowded = first!.dataSync()[0]!;
  first!.dispose();
  if (crowded < 0) return { values: values as tf.Tensor2D, positions: positions as tf.Tensor2D };
  tf.dispose([values!, positions!]);
  return { crowded };
}

/** The dense matrix, float32 `[out, in]`. */
export function unpackTwoOfFour({ values, positions }: TwoOfFour): tf.Tensor2D {
  return tf.tidy(() => {
    const [out, count] = values.shape;
    const standing = tf.oneHot(positionsIn(positions, count), GROUP); // [out, in / 2, 4]
    const spread = tf.where(tf.cast(standing, 'bool'), tf.tile(tf.expandDims(values, 2), [1, 1, GROUP]), tf.zeros([1]));
    return tf.reshape(tf.sum(tf.reshape(spread, [out, count / KEPT, KEPT, GROUP]), 2), [out, count * KEPT]);
  });
}

/** int32 `[out, n]`, each 0 to 3, as words `[out, ceil(n / 16)]`. */
function wordsOf(positions: tf.Tensor): tf.Tensor {
  const [out, n] = positions.shape as [number, number];
  const words = Math.ceil(n / PER_WORD);
  const padded = tf.reshape(tf.concat([positions, tf.zeros([out, words * PER_WORD - n], 'int32')], 1), [out, words, PER_WORD]);
  // The last digit of a word carries its sign, so that no sum leaves int32.
  const digits = tf.split(padded, [PER_WORD - 1, 1], 2);
  const last = tf.sub(digits[1]!, tf.mul(tf.cast(tf.greaterEqual(digits[1]!, 2), 'int32'), tf.scalar(GROUP, 'int32')));
  const signed = tf.concat([digits[0]!, last], 2);
  const places = tf.tensor1d(
    Array.from({ length: PER_WORD }, (_, place) => GROUP ** place),
    'int32',
  );
  return tf.sum(tf.mul(signed, places), 2);
}

/** The first `n` positions of each row: digits from the highest down, by comparison, which every engine does exactly. */
function positionsIn(words: tf.Tensor, n: number): tf.Tensor {
  const digits: tf.Tensor[] = [];
  let rest = words;
  for (let place = PER_WORD - 1; place >= 0; place--) {
    const lowest = place === PER_WORD - 1 ? -GROUP / 2 : 0;
    const reached = [1, 2, 3].map((more) => tf.cast(tf.greaterEqual(rest, tf.scalar((lowest + more) * GROUP ** place, 'int32')), 'int32'));
    const digit = tf.add(tf.addN(reached), tf.scalar(lowest, 'int32'));
    rest = tf.sub(rest, tf.mul(digit, tf.scalar(GROUP ** place, 'int32')));
    digits.unshift(lowest === 0 ? digit : tf.add(digit, tf.mul(tf.cast(tf.less(digit, tf.scalar(0, 'int32')), 'int32'), tf.scalar(GROUP, 'int32'))));
  }
  return tf.slice(tf.reshape(tf.stack(digits, 2), [words.shape[0]!, -1]), [0, 0], [-1, n]);
}
