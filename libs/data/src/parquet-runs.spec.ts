import { expect, test } from '@jest/globals';
import { checkRuns, type DataPage } from './parquet-runs.js';

const unpacked = (bytes: Uint8Array): Uint8Array => bytes;
const check = (page: Partial<DataPage>, bytes: readonly number[]): void =>
  checkRuns({ values: 10, encoding: 8, isBoolean: false, levels: { repetition: 0, definition: 0 }, ...page }, Uint8Array.from(bytes), unpacked);

/** Of parquet's Encodings.md: a run of RLE is its count · 2 and a value, a bit-packed one its groups of eight · 2 + 1 and the groups. */
const rle = (count: number, value: number): number[] => [...varint(2 * count), value];
const groups = (count: number, ...bytes: number[]): number[] => [...varint(2 * count + 1), ...bytes];
const varint = (value: number): number[] => (value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]);
/** Levels of a page of the first version. */
const withLength = (runs: readonly number[]): number[] => [runs.length, 0, 0, 0, ...runs];

test.each<[what: string, page: Partial<DataPage>, bytes: readonly number[]]>([
  ['indices of one run', {}, [3, ...rle(10, 5)]],
  ['of several, the last filled up to whole groups', {}, [3, ...rle(1, 5), ...groups(2, 1, 2, 3, 4, 5, 6)]],
  ['of no bits', {}, [0]],
  ['as many as levels are not null', { levels: { repetition: 0, definition: 1 } }, [...withLength([...rle(3, 1), ...rle(7, 0)]), 2, ...rle(3, 1)]],
  ['levels packed in bits: 1, 0, 1, 1, 0, 0, 0, 1', { values: 8, levels: { repetition: 0, definition: 1 } }, [...withLength(groups(1, 0x8d)), 2, ...rle(4, 1)]],
  ['repetitions before definitions', { levels: { repetition: 1, definition: 3 } }, [...withLength(rle(10, 0)), ...withLength(rle(10, 3)), 2, ...rle(10, 1)]],
  ['nothing but nulls', { levels: { repetition: 0, definition: 1 } }, withLength(rle(10, 0))],
  ['booleans', { encoding: 3, isBoolean: true }, withLength(rle(10, 1))],
  [
    'the second version',
    { levels: { repetition: 0, definition: 1 }, second: { nulls: 4, repetitionBytes: 0, definitionBytes: 2 } },
    [...rle(10, 1), 1, ...rle(6, 0)],
  ],
])('%s: taken', (_, page, bytes) => check(page, bytes));

const MILLIARDS = 2 ** 31 - 1;
test.each<[what: string, page: Partial<DataPage>, bytes: readonly number[], says: RegExp]>([
  ['milliards of indices', {}, [3, ...rle(MILLIARDS, 5)], /a run of 2147483647 values where 10 are left/],
  ['one index too many, after others', {}, [3, ...rle(4, 1), ...rle(7, 1)], /7 values where 6/],
  ['milliards of groups', {}, [3, ...groups(2 ** 28 - 1)], /2147483640 values where 10/],
  ['groups of no bits', { second: { nulls: 0, repetitionBytes: 0, definitionBytes: 0 } }, [0, ...groups(2 ** 27)], /1073741824 values where 10/],
  ['less than none', {}, [3, ...groups(2 ** 30)], /a run of -/],
  [
    'more values than are not null',
    { levels: { repetition: 0, definition: 1 } },
    [...withLength([...rle(3, 1), ...rle(7, 0)]), 2, ...rle(4, 1)],
    /4 values where 3/,
  ],
  ['milliards of levels', { encoding: 0, levels: { repetition: 0, definition: 1 } }, withLength(rle(MILLIARDS, 1)), /2147483647 values where 10/],
  ['milliards of booleans', { encoding: 3, isBoolean: true }, withLength(rle(MILLIARDS, 1)), /2147483647 values where 10/],
  [
    'milliards of repetitions, second version',
    { levels: { repetition: 1, definition: 1 }, second: { nulls: 0, repetitionBytes: 6, definitionBytes: 2 } },
    [...rle(MILLIARDS, 1), ...rle(10, 1), 1, ...rle(10, 0)],
    /2147483647 values where 10/,
  ],
  ['fewer bytes than its runs', {}, [3, ...rle(4, 1)], /bounds/],
])('%s: refused', (_, page, bytes, says) => {
  expect(() => check(page, bytes)).toThrow(says);
});
