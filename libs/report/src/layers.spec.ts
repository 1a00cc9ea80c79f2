import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { rangesOf } from './layers.js';

test.each([
  [[], ''],
  [[3], '3'],
  [[0, 1], '0, 1'],
  [[0, 2, 3, 4, 7], '0, 2–4 and 7'],
])('%j is said as "%s"', (indices, words) => expect(rangesOf(indices)).toBe(words));

test('the words give back every index, and no other', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(60)), (indices) => {
      const sorted = indices.sort((a, b) => a - b);
      const said = [...rangesOf(sorted).matchAll(/(\d+)(?:–(\d+))?/g)].flatMap(([, from, to = from]) =>
        Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => Number(from) + index),
      );
      expect(said).toEqual(sorted);
    }),
  );
});
