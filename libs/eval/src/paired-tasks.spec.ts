import { expect, test } from '@jest/globals';
import { pairedTasks } from './paired-tasks.js';
import type { SampleLine } from './sample-line.js';

const line = (task: string, doc_id: number, scores: Record<string, unknown>, filter = 'none'): SampleLine =>
  ({ task, doc_id, filter, metrics: Object.keys(scores), ...scores }) as unknown as SampleLine;

test('examples are paired by task, metric and filter; what is no number is left out', () => {
  const base = [
    line('piqa', 0, { acc: 1, acc_norm: 0 }),
    line('piqa', 1, { acc: 0, acc_norm: 0 }),
    line('sums', 0, { exact_match: 0 }, 'strict'),
    line('words', 0, { word_perplexity: [-12.5, 3] }),
  ];
  const other = [
    line('words', 0, { word_perplexity: [-11, 3] }),
    line('sums', 0, { exact_match: 1 }, 'strict'),
    line('piqa', 1, { acc: 1, acc_norm: 0 }),
    line('piqa', 0, { acc: 1, acc_norm: 1 }),
  ];
  expect(pairedTasks(base, other)).toMatchObject({
    piqa: { acc: { difference: 0.5, flips: { gained: [1], lost: [] } }, acc_norm: { difference: 0.5, flips: { gained: [0] } } },
    sums: { 'exact_match,strict': { examples: 1, difference: 1 } },
  });
  expect(Object.keys(pairedTasks(base, other))).toEqual(['piqa', 'sums']);
});

test('a task that one model was not scored on is refused', () => {
  const base = [line('piqa', 0, { acc: 1 })];
  expect(() => pairedTasks(base, [])).toThrow(expect.objectContaining({ code: 'PAIRED_EXAMPLES' }));
  expect(() => pairedTasks(base, [line('piqa', 1, { acc: 1 })])).toThrow(expect.objectContaining({ code: 'PAIRED_EXAMPLES' }));
});
