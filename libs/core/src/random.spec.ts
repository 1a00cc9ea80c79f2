import { describe, expect, test } from '@jest/globals';
import { Random } from './random.js';

/** splitmix32 with whole numbers of any size, from its definition. */
function splitmix32(seed: bigint, count: number): number[] {
  const word = 0xffffffffn;
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (state + 0x9e3779b9n) & word;
    let x = state;
    x = ((x ^ (x >> 16n)) * 0x21f0aaadn) & word;
    x = ((x ^ (x >> 15n)) * 0x735a2d97n) & word;
    return Number(x ^ (x >> 15n)) / 2 ** 32;
  });
}

const draws = (random: Random, count = 8): number[] => Array.from({ length: count }, () => random.next());

describe('Random', () => {
  test.each([0, 1, 42, 0xffffffff])('seed %i draws what splitmix32 draws', (seed) => {
    expect(draws(new Random(seed))).toEqual(splitmix32(BigInt(seed), 8));
  });

  test('equal seeds and paths give equal streams; another seed, purpose or number another', () => {
    const streams = [Random.of(7, 'order', 1), Random.of(7, 'order', 2), Random.of(8, 'order', 1), Random.of(7, 'method', 1), Random.of(7, 'order')];
    const drawn = streams.map((stream) => draws(stream).join());
    expect(new Set(drawn).size).toBe(streams.length);
    expect(draws(Random.of(7, 'order', 1)).join()).toBe(drawn[0]);
  });

  test('permutations hold every number once, and each number comes everywhere about equally often', () => {
    const random = Random.of(3, 'permutation');
    const [n, rounds] = [6, 6000];
    const firsts = new Array<number>(n).fill(0);
    for (let i = 0; i < rounds; i++) {
      const order = random.permutation(n);
      expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5]);
      firsts[order[0]!]!++;
    }
    // Six standard deviations of a binomial count.
    const deviation = Math.sqrt(rounds * (1 / n) * (1 - 1 / n));
    for (const count of firsts) expect(Math.abs(count - rounds / n)).toBeLessThan(6 * deviation);
  });

  test('normal numbers have mean 0, variance 1 and fourth moment 3', () => {
    const random = Random.of(5, 'normal');
    const values = Array.from({ length: 20_000 }, () => random.normal());
    const moment = (k: number): number => values.reduce((sum, value) => sum + value ** k, 0) / values.length;
    expect(Math.abs(moment(1))).toBeLessThan(0.05);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.07);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.6);
  });

  test('whole numbers stay below the limit', () => {
    const random = Random.of(9);
    const seen = new Set(Array.from({ length: 200 }, () => random.integer(3)));
    expect([...seen].sort()).toEqual([0, 1, 2]);
  });
});
