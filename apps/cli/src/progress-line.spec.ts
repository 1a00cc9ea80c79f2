import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { progressBar, progressText, width } from './progress-line.js';

const progress = fc.record(
  { phase: fc.string({ unit: 'grapheme', maxLength: 60 }), done: fc.nat(), total: fc.nat(), detail: fc.string({ unit: 'grapheme', maxLength: 80 }) },
  { requiredKeys: ['phase'] },
);

test('a bar never takes more cells than there are', () => {
  fc.assert(
    fc.property(
      progress,
      fc.nat({ max: 5000 }),
      fc.nat({ max: 200 }),
      (given, seconds, columns) => width(progressBar(given as never, seconds, columns)) <= columns,
    ),
  );
});

test('a bar is as full as the work is done', () => {
  expect(progressBar({ phase: 'train', done: 120, total: 240, detail: 'loss 3.121' }, 9, 80)).toBe(
    `${'━'.repeat(12)}${'─'.repeat(12)}  50 % train 120/240 · loss 3.121`,
  );
});

test('a narrow terminal loses the bar first and then the end of the text', () => {
  const work = { phase: 'train', done: 120, total: 240, detail: 'loss 3.121 · 3,204 tokens/s' };
  expect(progressBar(work, 9, 44)).toBe('train 120/240 · loss 3.121 · 3,204 tokens/s');
  expect(progressBar(work, 9, 20)).toBe('train 120/240 · los…');
});

test('without a word about the time left, the pace so far tells it', () => {
  expect(progressText({ phase: 'write', done: 25, total: 100 }, 10)).toBe('write 25/100 · 0:30 left');
  expect(progressText({ phase: 'write', done: 25, total: 100 }, 1)).toBe('write 25/100');
  expect(progressText({ phase: 'tokenise', done: 2_500_000 }, 10)).toBe('tokenise 2.5 M');
});

test('East Asian characters take two cells', () => {
  expect(width('模型 a')).toBe(6);
});
