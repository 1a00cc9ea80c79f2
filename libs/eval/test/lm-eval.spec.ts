import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { aggregator } from '../src/aggregate.js';
import { filtersOf } from '../src/filters.js';
import { HOOKS } from '../src/hooks.js';
import { type Answer, metricsOf, type MetricValue, scorer } from '../src/metrics.js';
import { sampleLine } from '../src/sample-line.js';
import { examplesOf, type TaskRequest } from '../src/task.js';
import { TaskLibrary } from '../src/task-library.js';

interface GoldenSample {
  filter: string;
  target: unknown;
  arguments: (string | null)[][];
  metrics: Record<string, unknown>;
  doc_hash: string;
  prompt_hash: string;
  target_hash: string;
}

interface GoldenRun {
  scores: Record<string, number>;
  samples: GoldenSample[];
}

const HERE = dirname(fileURLToPath(import.meta.url));
const golden = (JSON.parse(readFileSync(join(HERE, 'lm-eval.golden.json'), 'utf8')) as { tasks: Record<string, Record<string, GoldenRun>> }).tasks;
const library = await TaskLibrary.open([join(HERE, 'tasks')]);

/** The formula of tools/reference/lm_eval_tasks.py: a number made of texts, in place of a model. */
function score(...texts: readonly string[]): number {
  let sum = 7;
  for (const text of texts) for (const character of text) sum = (sum * 31 + character.codePointAt(0)!) % 65521;
  return -sum / 1000 - 1;
}

const thousandths = (value: number): number => Math.trunc(-value * 1000);

function answerTo(request: TaskRequest): Answer {
  if (request.kind === 'rolling') return score(request.text);
  if (request.kind === 'generate') return ` The answer is #### ${thousandths(score(request.context)) % 4} or 1. `;
  const value = score(request.context, request.continuation);
  return [value, thousandths(value) % 3 === 0];
}

const runs = readdirSync(join(HERE, 'rows')).flatMap((file) => {
  const task = file.replace('.jsonl', '');
  return Object.entries(golden[task]!).map(([shots, run]) => ({ task, file, shots: Number(shots), run }));
});

describe("prompts, requests, metrics and standard errors are those of lm-eval's own files, with its sampler", () => {
  test.each(runs)('$task, $shots examples before each question', async ({ task, file, shots, run }) => {
    const definition = (await library.choose([task])).tasks.get(task)!;
    const metrics = metricsOf(definition);
    const examples = await examplesOf(definition, { files: { [task]: join(HERE, 'rows', file) }, numFewshot: shots, hooks: HOOKS });
    const values = new Map<string, MetricValue[]>();
    let at = 0;
    for (const [filter, change] of filtersOf(definition))
      for (const example of examples) {
        const expected = run.samples[at++]!;
        const answers = example.requests.map(answerTo);
        const filtered = answers.map((answer) => (typeof answer === 'string' ? change(answer) : answer));
        const own = scorer(definition, metrics, HOOKS)(example, filtered);
        const line = sampleLine({ task, example, filter, filtered, metrics: own, firstTokens: false, answered: { answers, truncated: 0, firstTokens: [] } });
        const asked = Object.values(line.arguments).map((given) => Object.values(given).map((each) => (typeof each === 'string' ? each : null)));
        expect({ filter, arguments: asked, target: String(line.target) }).toEqual({
          filter: expected.filter,
          arguments: expected.arguments,
          target: String(expected.target),
        });
        expect(Object.keys(own).sort()).toEqual(Object.keys(expected.metrics).sort());
        for (const [name, value] of Object.entries(own)) {
          expect([value].flat(2).map((one) => Number(one).toFixed(9))).toEqual([expected.metrics[name]].flat(2).map((one) => Number(one).toFixed(9)));
          values.set(`${name},${filter}`, [...(values.get(`${name},${filter}`) ?? []), value]);
        }
        expect([line.prompt_hash, line.doc_hash]).toEqual([expected.prompt_hash, expected.doc_hash]);
      }
    expect(at).toBe(run.samples.length);
    const scores: Record<string, number> = {};
    for (const [key, items] of values) {
      const [name, filter] = key.split(',') as [string, string];
      const { value, standardError } = await aggregator(definition, name, metrics.get(name), HOOKS)(items, { draws: 2000 });
      scores[key] = value;
      if (standardError !== undefined) scores[`${name}_stderr,${filter}`] = standardError;
    }
    expect(Object.keys(scores).sort()).toEqual(Object.keys(run.scores).sort());
    for (const [key, value] of Object.entries(scores)) expect(value / (run.scores[key] || 1)).toBeCloseTo(run.scores[key] === 0 ? 0 : 1, 9);
  });
});
