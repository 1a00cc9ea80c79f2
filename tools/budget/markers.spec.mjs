import { expect, test } from '@jest/globals';
import { markers } from './markers.mjs';
import { source } from './sources.mjs';

const debt = ['FIX', 'ME'].join('');
const aside = ['test.', 'skip', "('x', () => {});"].join('');

test('a mark of unfinished work is found with its line', () => {
  expect(markers([source('libs/a.ts', `const a = 1;\n// ${debt} later\n`)]).findings).toEqual([`libs/a.ts:2: ${debt}`]);
});

test('a test put aside is found in a test only: a reader that skips bytes is no debt', () => {
  expect(markers([source('libs/a.spec.ts', aside)]).findings).toHaveLength(1);
  expect(markers([source('libs/a.ts', ['reader.', 'skip', '(4);'].join(''))]).findings).toEqual([]);
});
