import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { gather, gatheredShape, rowRanges } from './gather.js';

/** The same by nested loops, one element after the other. */
function byHand(source: readonly number[], shape: readonly number[], positions: readonly (readonly number[] | undefined)[]): number[] {
  const [size, ...rest] = shape;
  if (size === undefined) return [source[0]!];
  const stride = rest.reduce((product, length) => product * length, 1);
  const kept = positions[0] ?? Array.from({ length: size }, (_, i) => i);
  return kept.flatMap((i) => byHand(source.slice(i * stride, (i + 1) * stride), rest, positions.slice(1)));
}

test('rows and columns of a small matrix', () => {
  const matrix = Float32Array.of(0, 1, 2, 10, 11, 12, 20, 21, 22);
  expect([...gather(matrix, [3, 3], [Int32Array.of(0, 2), Int32Array.of(1, 2)])]).toEqual([1, 2, 21, 22]);
  expect([...gather(matrix, [3, 3], [undefined, Int32Array.of(2)])]).toEqual([2, 12, 22]);
  expect([...gather(matrix, [3, 3], [Int32Array.of(1), undefined])]).toEqual([10, 11, 12]);
});

test('any positions of any shape are what nested loops pick, elements of any width', () => {
  const dimension = fc.integer({ min: 1, max: 5 }).chain((size) =>
    fc.tuple(
      fc.constant(size),
      fc.option(
        fc.subarray(
          Array.from({ length: size }, (_, i) => i),
          { minLength: 1 },
        ),
        { nil: undefined },
      ),
    ),
  );
  fc.assert(
    fc.property(fc.array(dimension, { minLength: 1, maxLength: 4 }), fc.constantFrom(1, 2, 4), (dimensions, width) => {
      const shape = dimensions.map(([size]) => size);
      const kept = dimensions.map(([, positions]) => positions);
      const count = shape.reduce((product, size) => product * size, 1);
      const bytes = Uint8Array.from({ length: count * width }, (_, i) => i % 251);
      const picked = byHand(
        Array.from({ length: count }, (_, i) => i),
        shape,
        kept,
      );
      const positions = kept.map((indices) => indices && Int32Array.from(indices));
      expect([...gather(bytes, shape, positions, width)]).toEqual(picked.flatMap((element) => [...bytes.subarray(element * width, (element + 1) * width)]));
      expect(gatheredShape(shape, positions).reduce((product, size) => product * size, 1)).toBe(picked.length);
    }),
  );
});

test('rows that follow each other are one range', () => {
  expect(rowRanges(Int32Array.of(0, 1, 2, 5, 7, 8))).toEqual([
    [0, 3],
    [5, 6],
    [7, 9],
  ]);
  expect(rowRanges(new Int32Array(0))).toEqual([]);
});
