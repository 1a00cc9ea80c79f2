import { Random } from '@chop/core';
import { describe, expect, test } from '@jest/globals';
import { binomialDrawer, countDrawer, groupsOf } from './multinomial.js';

/** Five standard deviations of a share of so many draws. */
const within = (share: number, draws: number): number => 5 * Math.sqrt((share * (1 - share)) / draws) + 1 / draws;

describe('a binomial', () => {
  test.each([
    [1, 0.3],
    [6, 0.5],
    [9, 0.02],
    [12, 0.93],
  ])('of %i throws with a share of %d comes out as its formula says', (throws, share) => {
    const [draws, draw, random] = [20_000, binomialDrawer(12), Random.of(1, 'binomial')];
    const counts = new Array<number>(throws + 1).fill(0);
    for (let i = 0; i < draws; i++) counts[draw(throws, share, random)]!++;
    let ways = 1;
    counts.forEach((count, heads) => {
      const expected = ways * share ** heads * (1 - share) ** (throws - heads);
      expect(Math.abs(count / draws - expected)).toBeLessThan(within(expected, draws));
      ways *= (throws - heads) / (heads + 1);
    });
  });

  test('of many throws has its mean and its variance', () => {
    const [throws, share, draws] = [10_042, 0.13, 4000];
    const [draw, random] = [binomialDrawer(throws), Random.of(2, 'binomial')];
    const drawn = Array.from({ length: draws }, () => draw(throws, share, random));
    const mean = drawn.reduce((sum, value) => sum + value, 0) / draws;
    const variance = drawn.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws;
    const expected = throws * share * (1 - share);
    expect(Math.abs(mean - throws * share)).toBeLessThan(5 * Math.sqrt(expected / draws));
    expect(Math.abs(variance / expected - 1)).toBeLessThan(5 * Math.sqrt(2 / draws));
  });
});

test('sums come out as often as when every value is drawn by itself', () => {
  const values = Float64Array.from([-1, 0, 0, 1]);
  const groups = groupsOf(values);
  expect(groups).toEqual([
    { value: -1, count: 1 },
    { value: 0, count: 2 },
    { value: 1, count: 1 },
  ]);
  // All 4⁴ samples, by hand.
  const shares = new Map<number, number>();
  for (let sample = 0; sample < 256; sample++) {
    const sum = [0, 2, 4, 6].reduce((all, at) => all + values[(sample >> at) & 3]!, 0);
    shares.set(sum, (shares.get(sum) ?? 0) + 1 / 256);
  }
  const [draws, draw, random] = [20_000, countDrawer(groups, 4), Random.of(3, 'sums')];
  const counts = new Map<number, number>();
  for (let i = 0; i < draws; i++) {
    const sum = draw(random);
    counts.set(sum, (counts.get(sum) ?? 0) + 1);
  }
  expect([...counts.keys()].every((sum) => shares.has(sum))).toBe(true);
  for (const [sum, share] of shares) expect(Math.abs((counts.get(sum) ?? 0) / draws - share)).toBeLessThan(within(share, draws));
});
