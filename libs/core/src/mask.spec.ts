import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Mask } from './mask.js';

test("bits are packed as numpy's packbits packs them: row-major, the first element in the highest bit", () => {
  // np.packbits([1, 0, 1, 1, 0, 0, 0, 0,  1, 1]) == [176, 192]
  const mask = Mask.from([2, 5], [1, 0, 1, 1, 0, 0, 0, 0, 1, 1]);
  expect([...mask.bits]).toEqual([0b10110000, 0b11000000]);
  expect({ kept: mask.kept, total: mask.total }).toEqual({ kept: 5, total: 10 });
  expect([0, 1, 2, 8, 9].map((element) => mask.has(element))).toEqual([true, false, true, true, true]);
});

test('what is packed is unpacked, and two masks keep what both keep', () => {
  const pair = fc
    .integer({ min: 0, max: 40 })
    .chain((length) =>
      fc.tuple(fc.array(fc.boolean(), { minLength: length, maxLength: length }), fc.array(fc.boolean(), { minLength: length, maxLength: length })),
    );
  fc.assert(
    fc.property(pair, ([a, b]) => {
      const [left, right] = [Mask.from([a.length], a), Mask.from([b.length], b)];
      expect([...left.unpack()].map(Boolean)).toEqual(a);
      expect([...left.and(right).unpack()].map(Boolean)).toEqual(a.map((kept, i) => kept && b[i]!));
      expect(left.and(right).kept).toBe(a.filter((kept, i) => kept && b[i]).length);
    }),
  );
});

test('bytes are packed as what they stand for, zero or not, at any length and place in their memory', () => {
  const elements = fc.tuple(fc.array(fc.oneof({ weight: 40, arbitrary: fc.constantFrom(0, 1) }, fc.constantFrom(2, 128, 255)), { maxLength: 80 }), fc.nat(5));
  fc.assert(
    fc.property(elements, ([kept, offset]) => {
      const bytes = new Uint8Array(offset + kept.length).subarray(offset);
      bytes.set(kept);
      expect([...Mask.from([kept.length], bytes).unpack()]).toEqual(kept.map((byte) => Number(byte !== 0)));
    }),
    { numRuns: 500 },
  );
});

test('a mask zeroes what it drops in elements of any width, and nothing beside it', () => {
  const elements = fc.tuple(fc.array(fc.boolean(), { maxLength: 40 }), fc.constantFrom(1, 2, 4));
  fc.assert(
    fc.property(elements, ([kept, width]) => {
      const bytes = new Uint8Array(kept.length * width + 3).fill(7);
      Mask.from([kept.length], kept).zero(bytes, width);
      expect([...bytes]).toEqual([...kept.flatMap((stays) => Array.from({ length: width }, () => (stays ? 7 : 0))), 7, 7, 7]);
    }),
  );
});

test('bits after the last element do not count', () => {
  const mask = new Mask([3], Uint8Array.of(0b10111111));
  expect([mask.kept, [...mask.unpack()]]).toEqual([2, [1, 0, 1]]);
});
