import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { breakEven } from './break-even.js';

test.each([
  ['LayerCHOP', 0.351, 0.191, 1.84, 360e6],
  ['2:4', 0.312, 0.251, 1.24, 240e6],
])(
  'the times of Table 3, %s: %d s and %d s a query are %d times as fast; what %d queries save is earned back after them',
  (_, baseSeconds, compressedSeconds, speedUp, queries) => {
    const recoverySeconds = queries * (baseSeconds - compressedSeconds);
    const even = breakEven({ pruneSeconds: 0, recoverySeconds, baseSeconds, compressedSeconds });
    expect(even.speedUp).toBeCloseTo(speedUp, 2);
    expect(even.queries! / queries).toBeCloseTo(1, 8);
    // Table 3 by hand: 360M · 160 ms = 57.6M s = 667 days on the machine that answers; 240M · 61 ms = 14.6M s.
    expect(even.costSeconds).toBe(recoverySeconds);
  },
);

test('the saved time reaches the cost with the last query, and not before', () => {
  const eighths = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most }).map((value) => value / 8);
  fc.assert(
    fc.property(eighths(8000), eighths(8000), eighths(80), eighths(80), (pruneSeconds, recoverySeconds, compressedSeconds, saved) => {
      const { queries, words } = breakEven({ pruneSeconds, recoverySeconds, baseSeconds: compressedSeconds + saved, compressedSeconds });
      expect(queries! * saved).toBeGreaterThanOrEqual(pruneSeconds + recoverySeconds);
      expect((queries! - 1) * saved).toBeLessThan(pruneSeconds + recoverySeconds);
      expect(words).toMatch(/^after [\d,]+ quer(y|ies)$/);
    }),
  );
});

test.each([
  [{ pruneSeconds: 3, baseSeconds: 0.5, compressedSeconds: 0.5 }, 'never: a query takes as long as before'],
  [{ pruneSeconds: 0, baseSeconds: 0.5, compressedSeconds: 0.75 }, 'never: a query takes longer than before'],
  [{ pruneSeconds: 0, baseSeconds: 0.5, compressedSeconds: 0.25 }, 'at once: it cost nothing'],
  [{ pruneSeconds: 0.25, baseSeconds: 0.5, compressedSeconds: 0.25 }, 'after 1 query'],
  [{ pruneSeconds: 250, recoverySeconds: 250, baseSeconds: 0.5, compressedSeconds: 0.25 }, 'after 2,000 queries'],
])('%j: %s', (facts, words) => {
  const even = breakEven(facts);
  expect(even.words).toBe(words);
  expect('queries' in even).toBe(!words.startsWith('never'));
});

test.each([{ pruneSeconds: NaN }, { pruneSeconds: -1 }, { baseSeconds: 0 }, { compressedSeconds: Infinity }])('%j is no time', (facts) => {
  expect(() => breakEven({ pruneSeconds: 1, baseSeconds: 1, compressedSeconds: 0.5, ...facts })).toThrow(expect.objectContaining({ code: 'BREAK_EVEN_FACTS' }));
});

test('nothing is promised of a speed-up that may be none', () => {
  const facts = { pruneSeconds: 10, baseSeconds: 0.25, compressedSeconds: 0.2 };
  const unknown = breakEven({ ...facts, speedUpRange: { p10: 0.9, p90: 1.4 } });
  expect(unknown.words).toMatch(/^unknown/);
  expect(unknown).not.toHaveProperty('queries');
  expect(breakEven({ ...facts, speedUpRange: { p10: 1, p90: 1.4 } }).queries).toBe(breakEven(facts).queries);
});
