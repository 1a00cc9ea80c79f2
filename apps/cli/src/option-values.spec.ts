import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { count, dataWords, joiner, positive, real, reals } from './option-values.js';

test.each([
  ['300', 300],
  ['50k', 50_000],
  ['1M', 1_000_000],
  ['1.1M', 1_100_000],
  ['20e6', 20_000_000],
  ['1.5B', 1_500_000_000],
  ['1_000', 1000],
  ['0', 0],
])('%s is the whole number %d', (text, value) => {
  expect(count(text)).toBe(value);
});

test.each(['', ' ', 'M', '1.5', '-3', '1MM', '0x10', 'Infinity', '1e400', '12 apples'])('%j is no whole number', (text) => {
  expect(() => count(text)).toThrow('whole number');
});

test('every whole number is read back', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (value) => count(String(value)) === value));
});

test('nothing is not a positive number', () => {
  expect(() => positive('0')).toThrow('at least 1');
});

test('real numbers and lists of them', () => {
  expect(real('3e-4')).toBe(0.0003);
  expect(reals('0.9,0.95')).toEqual([0.9, 0.95]);
  expect(() => reals('0.9,')).toThrow('a number');
  expect(() => real('NaN')).toThrow('a number');
});

test('a joiner knows newline, tabulator and backslash', () => {
  expect(joiner(String.raw`\n\n`)).toBe('\n\n');
  expect(joiner(String.raw`a\tb\\n`)).toBe('a\tb\\n');
});

test('one argument may hold several words of DATA, unless a file is called so', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chop cli '));
  const file = join(folder, 'a text.txt');
  writeFileSync(file, 'text');
  expect(dataWords('a.txt=3 b.txt=1', ['c.txt'])).toEqual(['c.txt', 'a.txt=3', 'b.txt=1']);
  expect(dataWords(file)).toEqual([file]);
  rmSync(folder, { recursive: true });
});
