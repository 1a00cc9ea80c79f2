import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { chop } from './command.js';
import { emptyProject } from './project.js';

const { folder, model } = emptyProject();

const ROWS = [
  { goal: 'boil an egg', sol1: 'in water', sol2: 'in sand', label: 0 },
  { goal: 'cool tea', sol1: 'with a lamp', sol2: 'with ice', label: 1 },
  { goal: 'dry boots', sol1: 'with paper', sol2: 'with rain', label: 0 },
];

test('chop eval --tasks tells scores as JSON, and writes a line per example', async () => {
  await writeFile(join(folder, 'piqa.jsonl'), ROWS.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const samples = join(folder, 'samples.jsonl');
  const words = [
    'eval',
    model,
    '--tasks',
    'piqa',
    '--task-data',
    `piqa=${join(folder, 'piqa.jsonl')}`,
    '--num-fewshot',
    '1',
    '--limit',
    '2',
    '--first-tokens',
    '--no-cache',
  ];
  const { exitCode, stdout } = await chop([...words, '--samples', samples, '--json'], folder);
  expect(exitCode).toBe(0);
  const result = JSON.parse(stdout) as { tasks: { piqa: Record<string, number> }; firstTokens: { piqa: number[] }; samples?: unknown };
  const lines = (await readFile(samples, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown> & { ll: number[]; acc: number; arguments: Record<string, Record<string, string>> });
  expect(lines.map(({ task, doc_id, target }) => ({ task, doc_id, target }))).toEqual([
    { task: 'piqa', doc_id: 0, target: 0 },
    { task: 'piqa', doc_id: 1, target: 1 },
  ]);
  // What counts as right follows from the log-likelihoods of the line itself.
  lines.forEach(({ ll, acc }, at) => expect(acc).toBe(Number((ll[1]! > ll[0]! ? 1 : 0) === ROWS[at]!.label)));
  expect(result.tasks.piqa).toMatchObject({ acc: (lines[0]!.acc + lines[1]!.acc) / 2, n: 2 });
  expect(Object.keys(result.tasks.piqa).sort()).toEqual(['acc', 'acc_norm', 'acc_norm_stderr', 'acc_stderr', 'n']);
  // One other example stands before the question, and the question is never among them.
  for (const line of lines) expect(line.arguments['gen_args_0']!['arg_0']!.match(/Question: /g)).toHaveLength(2);
  expect(result.firstTokens.piqa.length).toBeGreaterThan(0);
  expect(result.samples).toBeUndefined();
});
