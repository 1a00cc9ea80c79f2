import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Random } from '@chop/core';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { chop } from './command.js';
import { emptyProject } from './project.js';

const { folder, model, out, refuse } = emptyProject();

const LENGTH = ['--steps', '4', '--batch-size', '2', '--window', '32', '--lr', '1e-2', '--dtype', 'f32'];

let text: string;
let rows: string;
beforeEach(async () => {
  const random = Random.of(2, 'online');
  const words = 'layers of a language model are dropped and it learns again what it knew'.split(' ');
  const some = (count: number): string => Array.from({ length: count }, () => words[random.integer(words.length)]).join(' ');
  [text, rows] = [join(folder, 'text.txt'), join(folder, 'piqa.jsonl')];
  await writeFile(text, some(600));
  const examples = Array.from({ length: 12 }, (_, label) => ({ goal: some(5), sol1: some(2), sol2: some(3), label: label % 2 }));
  await writeFile(rows, examples.map((row) => `${JSON.stringify(row)}\n`).join(''));
});

const training = (...more: string[]): string[] => ['train', model, '--data', text, ...LENGTH, ...more, '--json'];

interface Trained {
  readonly evaluations: readonly { readonly scores: Record<string, number> }[];
}

describe('training that is evaluated on its way', () => {
  test('tells what chop eval tells of the model that it wrote, and writes the same model as one that is not evaluated', async () => {
    const tasks = ['--eval-tasks', 'piqa', '--eval-task-data', `piqa=${rows}`, '--eval-limit', '10'];
    const watched = await chop(training('--out', out, '--eval-every', '128', '--valid', text, ...tasks), folder);
    expect(watched.exitCode).toBe(0);
    const { evaluations } = JSON.parse(watched.stdout) as Trained;
    expect(evaluations).toHaveLength(2);
    const measured = ['--perplexity', text, '--window', '32', '--windows', '20', '--tasks', 'piqa', '--task-data', `piqa=${rows}`, '--limit', '10'];
    const { stdout } = await chop(['eval', out, ...measured, '--no-cache', '--json'], folder);
    const scores = JSON.parse(stdout) as { perplexity: { value: number }; tasks: { piqa: { acc_norm: number } } };
    // PIQA is known by acc_norm, as the paper reports it.
    expect(evaluations.at(-1)!.scores).toEqual({ perplexity: scores.perplexity.value, piqa: scores.tasks.piqa.acc_norm });
    await chop(training('--out', `${out}-alone`), folder);
    const [one, other] = await Promise.all([out, `${out}-alone`].map((place) => readFile(join(place, 'model.safetensors'))));
    expect(one!.equals(other!)).toBe(true);
  });

  test('options that have nothing to act on are refused', async () => {
    const [every, data] = [
      ['--eval-every', '64'],
      ['--eval-tasks', 'piqa', '--eval-task-data', `piqa=${rows}`],
    ] as const;
    const cases: [string[], string, string[]][] = [
      [['--patience', '2', '--valid', text], 'TRAIN_EVALUATION', ['--patience without --eval-every']],
      [['--patience', '2', ...every], 'TRAIN_EVALUATION', ['nothing that is measured', '--eval-tasks']],
      [[...data], 'TRAIN_EVALUATION', ['--eval-tasks without --eval-every']],
      [['--eval-limit', '2', ...every], 'TRAIN_EVALUATION', ['--eval-limit without --eval-tasks']],
      [['--watch', 'piqa', ...every, ...data], 'TRAIN_EVALUATION', ['--watch piqa without --patience']],
      [['--watch', 'piqqa', '--patience', '2', ...every, ...data], 'TRAIN_WATCH', ['piqqa', 'Did you mean piqa?']],
      [['--eval-tasks', 'piqqa', ...every], 'TASK_UNKNOWN', ['Did you mean piqa?']],
    ];
    for (const [words, code, says] of cases) await refuse(training('--out', out, ...words).slice(0, -1), { code, says });
  });

  test('a model in memory has the best weights too', async () => {
    const { compose } = await import('@chop/chop');
    const verbs = await compose();
    // Of twelve examples hardly one changes sides with a step: an early evaluation stays the best.
    const tasks = { evalTasks: ['piqa'], evalTaskData: { piqa: rows }, patience: 3 };
    const request = { data: [text], steps: 20, batchSize: 2, window: 32, lr: 0.1, evalEvery: 64, ...tasks, dtype: 'f32' as const };
    const [held, written] = [await verbs.train(model, request), await verbs.train(model, { ...request, out })];
    expect(held.training.best).toEqual(written.training.best);
    expect(held.training.best!.step).toBeLessThan(held.training.steps);
    expect(await held.fingerprint()).toBe(await written.fingerprint());
    for (const each of [held, written]) await each.close();
  });
});
