import type { ComparedVariant, Comparison, EvalResult } from '@chop/chop';
import { expect, test } from '@jest/globals';
import { compareText } from './compare-text.js';
import { latencyChoice } from './latency-flags.js';
import { pairedRows } from './paired-text.js';

const plain = { bold: (text: string) => text } as never;
const ratio = (median: number): { p10: number; median: number; p90: number; p99: number; pairs: number } => ({
  p10: median - 0.1,
  median,
  p90: median + 0.1,
  p99: median + 0.1,
  pairs: 5,
});
const evaluation = {
  name: 'n',
  model: 'm',
  layers: 8,
  parameters: 3_246_528,
  bytes: 6_493_056,
  engine: 'cpu',
  perplexity: { value: 20, tokens: 9, windows: 1 },
};
const half: ComparedVariant = {
  name: 'half',
  out: 'runs/x/half',
  model: 'runs/x/half/models/2-train',
  tokens: 192,
  pruneSeconds: 0.5,
  trainSeconds: 1.5,
  sharedSteps: 1,
  evaluation: { ...evaluation, layers: 4 },
};
const comparison: Comparison = {
  out: 'runs/x',
  base: { model: 'embedded', evaluation },
  budget: { tokens: 192 },
  variants: [half],
  seconds: 3,
  files: ['runs/x/comparison.json'],
};

test('a comparison is a table whose empty columns are left away', () => {
  const [head, base, variant] = compareText(comparison, plain).split('\n');
  expect(head!.trim().split(/ {2,}/)).toEqual(['layers', 'parameters', 'bytes', 'perplexity', 'trained on', 'prune', 'train']);
  expect(base!.split(/ {2,}/)).toEqual(['embedded', '8', '3.2 M', '6.5 MB', '20.00']);
  expect(variant!.split(/ {2,}/)).toEqual(['half', '4', '3.2 M', '6.5 MB', '20.00', '192 tokens', '0.5 s', '1.5 s']);
});

test('speed-ups and break-even are told where they were measured, and what the runs do not tell', () => {
  const timed = (query: number): Comparison => ({
    ...comparison,
    variants: [
      {
        ...half,
        speedUps: [{ batch: 1, context: 128, prefill: ratio(2), decode: ratio(1.5), query: ratio(query) }],
        breakEven: { costSeconds: 2, savedSecondsPerQuery: 0.5, speedUp: query, queries: 4, words: 'after 4 queries' },
      },
    ],
  });
  const text = compareText(timed(1.75), plain);
  expect(text).toMatch(/half .* 1\.75 × {2}after 4 queries\n/);
  expect(text).toContain(
    'half: batch 1, context 128: prefill 2.00 × (1.90 to 2.10), decode 1.50 × (1.40 to 1.60), together 1.75 × (1.65 to 1.85); 5 pairs of runs\n',
  );
  expect(compareText(timed(1.05), plain)).toContain('5 pairs of runs, which do not tell them apart');
});

test('options of timing need --latency', async () => {
  expect(await latencyChoice({})).toBeUndefined();
  expect(await latencyChoice({ latency: true })).toBe(true);
  expect(await latencyChoice({ latency: true, batch: [1, 4], runs: 3 })).toEqual({ batch: [1, 4], runs: 3 });
  await expect(latencyChoice({ context: [128] })).rejects.toEqual(
    expect.objectContaining({ code: 'EVAL_LATENCY', message: expect.stringContaining('--context without --latency') as unknown as string }),
  );
});

test('a paired difference tells its interval, the flips, and how many examples would do', () => {
  const paired: NonNullable<EvalResult['paired']> = {
    piqa: {
      acc: {
        examples: 100,
        baseMean: 0.7,
        otherMean: 0.68,
        difference: -0.02,
        interval: { low: -0.07, high: 0.03, confidence: 0.95 },
        flips: { gained: [1, 2], lost: [3, 4, 5, 6], exact: 0.6875, midP: 0.45 },
        examplesNeeded: 1175,
      },
    },
  };
  expect(pairedRows(paired)).toEqual([
    [
      'piqa acc less base',
      '−0.0200',
      '95 %: −0.0700 to +0.0300; 2 gained, 4 lost, p 0.450 (McNemar, mid-p); 1,175 examples would tell a difference of this size, there are 100',
    ],
  ]);
});
