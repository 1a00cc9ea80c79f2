import { describe, expect, test } from '@jest/globals';
import { Axes, axisKey, Dimension, parseAxisKey } from './axis.js';

const axes = Axes.of({
  layer: { size: 3 },
  width: { size: 4 },
  ffn: { size: 5, perLayer: true },
  head: { size: 2, perLayer: true },
  inner: { size: 3, perLayer: true },
});

describe('axes', () => {
  test('those that every layer has its own of are counted layer by layer', () => {
    expect(Object.fromEntries(axes.entries())).toEqual({
      layer: 3,
      width: 4,
      ...Object.fromEntries(
        [0, 1, 2].flatMap((at) => [
          [`layers.${at}.ffn`, 5],
          [`layers.${at}.head`, 2],
          [`layers.${at}.inner`, 3],
        ]),
      ),
    });
  });

  test('a dropped layer takes its own sizes along; the next ones move up', () => {
    const narrowed = axes.keep('ffn', 2, [0, 4]).keep('layer', undefined, [0, 2]);
    expect([narrowed.layers, narrowed.size('ffn', 0), narrowed.size('ffn', 1)]).toEqual([2, 5, 2]);
    expect(() => narrowed.size('ffn', 2)).toThrow(expect.objectContaining({ code: 'AXIS_UNKNOWN' }));
    expect(axes.size('ffn', 2)).toBe(5);
  });

  test('layers that agree have a common size, others none', () => {
    expect(axes.common('ffn')).toBe(5);
    expect(axes.keep('ffn', 1, [0]).common('ffn')).toBeUndefined();
  });

  test('a misspelt axis is refused with the nearest one', () => {
    expect(() => axes.size('widht')).toThrow(
      expect.objectContaining({ code: 'AXIS_UNKNOWN', message: expect.stringContaining('Did you mean width?') as unknown }),
    );
  });

  test('keys name the layer of an axis', () => {
    expect([axisKey('width'), axisKey('ffn', 3)]).toEqual(['width', 'layers.3.ffn']);
    expect([parseAxisKey('width'), parseAxisKey('layers.3.ffn')]).toEqual([{ axis: 'width' }, { axis: 'ffn', at: 3 }]);
  });
});

describe('the expression of a dimension', () => {
  test.each([
    ['width', 4],
    ['head·inner', 6],
    ['3·head·inner', 18],
    ['head·inner + inner + inner + ffn + ffn', 22],
  ])('%s has %i positions', (text, size) => expect(new Dimension(text).size(axes, 0)).toBe(size));

  const kept = (text: string, indices: Record<string, number[]>): number[] | undefined => {
    const positions = new Dimension(text).positions(axes, 0, (axis) => indices[axis]);
    return positions && [...positions];
  };

  test('a product is row-major: an index of the first factor is a run, of the last every so many', () => {
    expect(kept('head·inner', { head: [1] })).toEqual([3, 4, 5]);
    expect(kept('head·inner', { inner: [0, 2] })).toEqual([0, 2, 3, 5]);
    expect(kept('3·head·inner', { head: [0], inner: [1] })).toEqual([1, 7, 13]);
  });

  test('a sum is a concatenation: each term keeps what it has of the axis', () => {
    expect(kept('head·inner + inner + ffn', { inner: [2] })).toEqual([2, 5, 8, 9, 10, 11, 12, 13]);
    expect(kept('head·inner + inner + ffn', { ffn: [0, 4] })).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13]);
  });

  test('an axis that is not in it leaves every position', () => expect(kept('head·inner', { width: [0] })).toBeUndefined());
});
