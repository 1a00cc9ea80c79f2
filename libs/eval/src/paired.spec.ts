import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bootstrapMean, quantile } from './bootstrap.js';
import { examplesForDeviation, examplesForFlips } from './examples-needed.js';
import { mcnemar } from './mcnemar.js';
import { normalBelow, normalQuantile } from './normal.js';
import { type ExampleScores, paired } from './paired.js';

interface Golden {
  readonly cases: readonly {
    readonly title: string;
    readonly base: readonly number[];
    readonly other: readonly number[];
    readonly standardError: number;
    readonly interval: readonly [number, number];
    readonly exact?: number;
    readonly midP?: number;
    readonly examplesNeeded?: number;
  }[];
  readonly powers: readonly { readonly gained: number; readonly lost: number; readonly examplesNeeded: number; readonly power: number }[];
  readonly normal: readonly (readonly [number, number])[];
}

// tools/reference/paired.py
const golden = JSON.parse(readFileSync(new URL('../test/paired.golden.json', import.meta.url), 'utf8')) as Golden;

const scores = (values: readonly number[]): ExampleScores => new Map(values.map((value, id) => [id, value]));
const pairs = (score: fc.Arbitrary<number>): fc.Arbitrary<[number, number][]> => fc.array(fc.tuple(score, score), { minLength: 1, maxLength: 40 });
const binary = fc.constantFrom(0, 1);
const real = fc.integer({ min: -1000, max: 1000 }).map((value) => value / 8);
const quick = { resamples: 200 };

describe.each(golden.cases)('$title', ({ base, other, standardError, interval, exact, midP, examplesNeeded }) => {
  const compared = paired(scores(base), scores(other), { resamples: 50_000 });

  test("the standard error is SciPy's", () => expect(compared.standardError).toBeCloseTo(standardError, 12));

  // Means of 0/1 scores lie on a lattice: an end may fall on the neighbour.
  const step = exact === undefined ? 0 : 1 / base.length;

  test("the ends of the interval are SciPy's BCa, to a twelfth of a standard error", () => {
    expect(Math.abs(compared.interval.low - interval[0])).toBeLessThan(step + standardError / 12);
    expect(Math.abs(compared.interval.high - interval[1])).toBeLessThan(step + standardError / 12);
  });

  test("McNemar's p values are those of statsmodels and of the paper", () => {
    if (exact === undefined || midP === undefined) {
      expect(compared.flips).toBeUndefined();
      return;
    }
    expect(compared.flips!.exact).toBeCloseTo(exact, 12);
    expect(compared.flips!.midP).toBeCloseTo(midP, 12);
  });

  test('as many examples are needed as the references say', () => expect(compared.examplesNeeded).toBe(examplesNeeded));
});

test.each(golden.powers)('$examplesNeeded examples tell flips of $gained and $lost apart four times in five', ({ gained, lost, examplesNeeded, power }) => {
  expect(examplesForFlips(gained, lost)).toBe(examplesNeeded);
  expect(Math.abs(power - 0.8)).toBeLessThan(0.015);
});

test.each(golden.normal)('a share of %d of a normal lies below %d', (share, at) => {
  expect(normalQuantile(share)).toBeCloseTo(at, 12);
  expect(normalBelow(at)).toBeCloseTo(share, 14);
});

test('quantiles lie between neighbours as in NumPy', () => {
  // numpy.quantile([1, 2, 4, 8], [0, 0.1, 0.5, 0.9, 1])
  expect([0, 0.1, 0.5, 0.9, 1].map((share) => quantile([1, 2, 4, 8], share))).toEqual([1, 1.3, 3, expect.closeTo(6.8, 12), 8]);
});

test('examples that flipped are named, each way', () => {
  const base = new Map([...'abcde'].map((id, at) => [id, [1, 1, 0, 0, 0][at]!]));
  const other = new Map([...'edcba'].map((id, at) => [id, [1, 0, 1, 1, 0][at]!]));
  expect(paired(base, other).flips).toMatchObject({ gained: ['c', 'e'], lost: ['a'] });
});

test('a thousand flips of tens of thousands have a p value', () => {
  // 2 · P(X ≤ 30) of 1000 throws underflows nothing; scipy.stats.binom.cdf(450, 1000, 0.5) = 0.0008652680424885612
  expect(mcnemar(450, 550).exact).toBeCloseTo(2 * 0.0008652680424885612, 12);
  expect(mcnemar(0, 0)).toEqual({ exact: 1, midP: 0.5 });
});

test('turned around, a comparison says the opposite', () => {
  fc.assert(
    fc.property(pairs(binary), (both) => {
      const [base, other] = [scores(both.map(([a]) => a)), scores(both.map(([, b]) => b))];
      const [forth, back] = [paired(base, other, quick), paired(other, base, quick)];
      expect(back.difference).toBe(0 - forth.difference);
      expect(back.flips).toEqual({ ...forth.flips!, gained: forth.flips!.lost, lost: forth.flips!.gained });
      expect(back.examplesNeeded).toBe(forth.examplesNeeded);
    }),
  );
});

test('the interval depends on the examples, not on their order, and lies among the differences', () => {
  fc.assert(
    fc.property(pairs(real), (both) => {
      const rows = both.map((pair, id) => [id, pair] as const);
      const of = (order: typeof rows): ReturnType<typeof paired> =>
        paired(new Map(order.map(([id, [a]]) => [id, a])), new Map(rows.map(([id, [, b]]) => [id, b])), quick);
      const { interval } = of(rows);
      expect(of(rows.toReversed()).interval).toEqual(interval);
      const differences = both.map(([a, b]) => b - a);
      expect(interval.low).toBeGreaterThanOrEqual(Math.min(...differences));
      expect(interval.high).toBeLessThanOrEqual(Math.max(...differences));
      expect(interval.low).toBeLessThanOrEqual(interval.high);
    }),
  );
});

test('what all examples have in common moves the interval and leaves its width', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -64, max: 64 }), { minLength: 2, maxLength: 32 }), fc.integer({ min: -64, max: 64 }), (values, shift) => {
      const [here, there] = [
        bootstrapMean(values, quick),
        bootstrapMean(
          values.map((value) => value + shift),
          quick,
        ),
      ];
      expect(there.low - here.low).toBeCloseTo(shift, 9);
      expect(there.high - here.high).toBeCloseTo(shift, 9);
    }),
  );
});

test('smaller differences need more examples, and none needs infinitely many', () => {
  expect(examplesForDeviation(0.05, 0.5)!).toBeGreaterThan(examplesForDeviation(0.1, 0.5)!);
  // By hand: ((1.959964 + 0.841621) · 0.5 / 0.1)² = 196.2…
  expect(examplesForDeviation(0.1, 0.5)).toBe(197);
  expect(examplesForFlips(0.1, 0.1)).toBeUndefined();
  expect(paired(scores([1, 0]), scores([1, 0]))).toMatchObject({ difference: 0, interval: { low: 0, high: 0 } });
  expect(paired(scores([1, 0]), scores([1, 0]))).not.toHaveProperty('examplesNeeded');
});

test.each([
  ['PAIRED_EXAMPLES', [], []],
  ['PAIRED_EXAMPLES', [1, 0], [1]],
  ['PAIRED_EXAMPLES', [1], [1, 0]],
  ['PAIRED_SCORE', [1, -Infinity], [1, 0]],
])('%s: %j against %j', (code, base, other) => {
  expect(() => paired(scores(base), scores(other))).toThrow(expect.objectContaining({ code }));
});
