import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { compose, type EvalResult } from '../src/index.js';
import { GOLDEN, golden, smollm2 } from './golden.js';

interface Reference {
  samples: { target: unknown; ll: number[]; acc: number; acc_norm: number }[];
}

interface Line {
  task: string;
  doc_id: number;
  target: unknown;
  ll: number[];
  acc: number;
  acc_norm: number;
}

const reference = golden<Record<string, Reference>>('smollm2-lm-eval.json');
const TASKS = Object.keys(reference);
/** Examples of each task: the whole of the reference takes minutes. */
const LIMIT = 4;

let folder: string;
let result: EvalResult;
let lines: Line[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chop-tasks-'));
  const samplesFile = join(folder, 'samples.jsonl');
  const taskData = Object.fromEntries(TASKS.map((task) => [task, join(GOLDEN, `../data/tasks/${task}.jsonl`)]));
  result = (await (await compose()).evaluate({ base: smollm2() }, { tasks: { tasks: TASKS, taskData, limit: LIMIT }, samplesFile })).base;
  lines = readFileSync(samplesFile, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
});

afterAll(() => rmSync(folder, { recursive: true }));

test.each(TASKS)('%s: every log-likelihood is that of lm-eval, and what counts as right', (task) => {
  const own = lines.filter((line) => line.task === task);
  expect(own.map(({ doc_id }) => doc_id)).toEqual([0, 1, 2, 3]);
  own.forEach(({ ll, target, acc, acc_norm }, at) => {
    const expected = reference[task]!.samples[at]!;
    ll.forEach((value, choice) => expect(Math.abs(value - expected.ll[choice]!)).toBeLessThan(5e-3));
    expect({ target, acc, acc_norm, choices: ll.length }).toEqual({
      target: expected.target,
      acc: expected.acc,
      acc_norm: expected.acc_norm,
      choices: expected.ll.length,
    });
  });
});

test('the scores are the means of the examples, with their standard errors', () => {
  for (const task of TASKS) {
    const right = reference[task]!.samples.slice(0, LIMIT).map(({ acc }) => acc);
    const mean = right.reduce((sum, value) => sum + value, 0) / LIMIT;
    expect(result.tasks![task]).toMatchObject({ acc: mean, n: LIMIT });
    // A share p of n: p (1 − p) / (n − 1) is the variance of its mean.
    expect(result.tasks![task]!['acc_stderr']).toBeCloseTo(Math.sqrt((mean * (1 - mean)) / (LIMIT - 1)), 9);
  }
});
