import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { frontCorners, paretoFront } from './pareto.js';

const sizeAgainstLoss = { x: 'lower', y: 'lower' } as const;

describe('the Pareto front', () => {
  test('of four models by size and loss, as seen by hand', () => {
    const [small, middle, large, worse] = [
      { x: 1, y: 9 },
      { x: 2, y: 5 },
      { x: 4, y: 3 },
      { x: 3, y: 6 },
    ];
    expect(paretoFront([large, worse, small, middle], sizeAgainstLoss)).toEqual([small, middle, large]);
    expect(paretoFront([large, worse, small, middle], { x: 'higher', y: 'lower' })).toEqual([large]);
    expect(paretoFront([large, worse, small, middle], { x: 'lower', y: 'higher' })).toEqual([small]);
  });

  test('keeps equals, and of two with one size the better', () => {
    expect(
      paretoFront(
        [
          { x: 1, y: 1 },
          { x: 1, y: 1 },
          { x: 1, y: 2 },
        ],
        sizeAgainstLoss,
      ),
    ).toHaveLength(2);
  });

  test('beats or equals every place, and none of its own', () => {
    const place = fc.record({ x: fc.nat(9), y: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(place, { minLength: 1 }), (places) => {
        const front = paretoFront(places, sizeAgainstLoss);
        for (const { x, y } of places) expect(front.some((best) => best.x <= x && best.y <= y)).toBe(true);
        for (const one of front) for (const other of front) expect(one.x < other.x && one.y <= other.y).toBe(false);
      }),
    );
  });

  test('has a border of horizontal and vertical pieces', () => {
    const front = [
      { x: 1, y: 9 },
      { x: 2, y: 5 },
    ];
    expect(frontCorners(front, sizeAgainstLoss)).toEqual([front[0], { x: 2, y: 9 }, front[1]]);
    expect(frontCorners(front, { x: 'higher' })).toEqual([front[0], { x: 1, y: 5 }, front[1]]);
  });
});
