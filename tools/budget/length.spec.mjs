import { expect, test } from '@jest/globals';
import { longFiles, MAX_LINES } from './length.mjs';
import { source } from './sources.mjs';

const lines = (count) => 'const a = 1;\n'.repeat(count);

test('a source may have as many lines as the budget, and no more', () => {
  expect(longFiles([source('libs/a.ts', lines(MAX_LINES))]).findings).toEqual([]);
  expect(longFiles([source('libs/a.cc', lines(MAX_LINES + 1))]).findings).toEqual([`libs/a.cc: ${MAX_LINES + 1} lines of at most ${MAX_LINES}`]);
});

test('a test may be as long as it needs', () => {
  expect(longFiles([source('libs/a.spec.ts', lines(1000))]).findings).toEqual([]);
});
