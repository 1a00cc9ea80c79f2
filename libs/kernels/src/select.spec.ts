import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import * as tf from '@tensorflow/tfjs-core';
import { numbersOn, startBackends } from '../test/backends.js';
import { keepNofM, keepShare } from './select.js';

const backends = await startBackends();

/** 1 at the `count` best of a row by a stable sort: among equals the lower index goes first. */
function best(row: readonly number[], count: number): number[] {
  const order = row.map((_, i) => i).sort((a, b) => row[b]! - row[a]! || a - b);
  return row.map((_, i) => (order.indexOf(i) < count ? 1 : 0));
}

// Few different values, so that ties are the rule.
const rows = (columns: number): fc.Arbitrary<number[][]> =>
  fc.array(fc.array(fc.integer({ min: -2, max: 3 }), { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 5 });
const patterns = [
  [2, 4],
  [4, 8],
  [1, 1],
  [1, 3],
  [3, 3],
  [1, 16],
] as const;

test.each(backends)('keepNofM keeps the n largest of every group, ties the lower index, on %s', async (backend) => {
  await tf.setBackend(backend);
  const cases = fc
    .tuple(fc.constantFrom(...patterns), fc.integer({ min: 1, max: 3 }))
    .chain(([[n, m], groups]) => fc.tuple(fc.constant(n), fc.constant(m), rows(m * groups)));
  fc.assert(
    fc.property(cases, ([n, m, scores]) => {
      const expected = scores.flatMap((row) => Array.from({ length: row.length / m }, (_, group) => best(row.slice(group * m, (group + 1) * m), n)).flat());
      tf.tidy(() => {
        const kept = keepNofM(tf.tensor2d(scores), n, m);
        expect([kept.dtype, kept.shape]).toEqual(['bool', [scores.length, scores[0]!.length]]);
        expect(Array.from(kept.dataSync())).toEqual(expected);
      });
    }),
    { numRuns: 40 },
  );
});

test.each(backends)('keepShare drops the lowest share of every row, ties keep the lower index, on %s', async (backend) => {
  await tf.setBackend(backend);
  const cases = fc.integer({ min: 1, max: 9 }).chain((columns) => fc.tuple(rows(columns), fc.constantFrom(0, 0.25, 0.5, 0.7, 1)));
  fc.assert(
    fc.property(cases, ([scores, share]) => {
      const expected = scores.flatMap((row) => best(row, row.length - Math.floor(row.length * share)));
      tf.tidy(() => {
        const kept = keepShare(tf.tensor2d(scores), share);
        expect([kept.dtype, kept.shape]).toEqual(['bool', [scores.length, scores[0]!.length]]);
        expect(Array.from(kept.dataSync())).toEqual(expected);
      });
    }),
    { numRuns: 40 },
  );
});

test.each(backends)('selection among infinities, zeros of both signs and long rows, on %s', async (backend) => {
  await tf.setBackend(backend);
  const row = [Infinity, -Infinity, -0, 0, 0, -0, -1, 1];
  expect(Array.from(keepNofM(tf.tensor2d([row]), 2, 4).dataSync())).toEqual([1, 0, 1, 0, 1, 0, 0, 1]);
  expect(Array.from(keepShare(tf.tensor2d([row]), 0.5).dataSync())).toEqual([1, 0, 1, 1, 0, 0, 0, 1]);
  // Of 1,537 scores with 97 different values.
  const long = Array.from({ length: 3 }, (_, row) => Array.from({ length: 1537 }, (_, i) => ((i * 31 + row * 7) % 97) - 40));
  expect(Array.from(keepShare(tf.tensor2d(long), 0.37).dataSync())).toEqual(long.flatMap((scores) => best(scores, 1537 - Math.floor(1537 * 0.37))));
});

test.each(backends)('a score that is no number stays, so that it is seen, on %s', async (backend) => {
  await tf.setBackend(backend);
  const row = [1, NaN, 3, 2, NaN, NaN, NaN, 5];
  expect(Array.from(keepNofM(tf.tensor2d([row]), 1, 4).dataSync())).toEqual([0, 1, 1, 0, 1, 1, 1, 1]);
  expect(Array.from(keepShare(tf.tensor2d([row]), 0.25).dataSync())).toEqual([0, 1, 1, 0, 1, 1, 1, 1]);
  // As infinity, which it ties with.
  expect(Array.from(keepShare(tf.tensor2d([[Infinity, 1, NaN, Infinity]]), 0.5).dataSync())).toEqual([1, 0, 1, 0]);
});

test.each(backends)('a mask made on %s zeroes what it drops', async (backend) => {
  const masked = await numbersOn(backend, () => {
    const weight = tf.tensor2d([[1, -4, 3, 2, 5, 6, -8, 7]]);
    return tf.mul(weight, tf.cast(keepNofM(tf.abs(weight), 2, 4), 'float32'));
  });
  expect(masked.map((value) => value + 0)).toEqual([0, -4, 3, 0, 0, 0, -8, 7]);
});

test('selection refuses inputs that do not divide into groups, and impossible patterns and shares', () => {
  const scores = tf.zeros([2, 6]);
  for (const [n, m] of [
    [2, 4],
    [0, 2],
    [3, 2],
    [1.5, 2],
    [1, 0],
  ] as const)
    expect(() => keepNofM(scores, n, m)).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
  for (const share of [-0.1, 1.1, Number.NaN]) expect(() => keepShare(scores, share)).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});
