import { checkOptions, evaluator, type EvaluationContext, type Model, UsageError } from '@chop/core';
import type { HubData } from '@chop/data';
import { z } from 'zod';
import { aggregator, pooled } from './aggregate.js';
import { answerAll, type Answers } from './answer.js';
import type { AnswerStore } from './answer-store.js';
import { filtersOf } from './filters.js';
import { type Headline, headlineOf } from './headline.js';
import { type Hooks, HOOKS } from './hooks.js';
import { type Answer, metricsOf, type MetricValue, needsGreedy, scorer } from './metrics.js';
import { type SampleLine, sampleLine } from './sample-line.js';
import { type Example, examplesOf } from './task.js';
import { checkTaskFiles } from './task-data.js';
import type { TaskDefinition } from './task-file.js';
import { type TaskGroup, TaskLibrary } from './task-library.js';

/** One task's numbers: `acc`, `acc_stderr`, … (of a filter: `exact_match,strict-match`), and how many examples they are of. */
export interface TaskScores {
  readonly n: number;
  readonly [metric: string]: number;
}

/** What {@link tasks} measures. */
export interface TasksResult {
  readonly tasks: Readonly<Record<string, TaskScores>>;
  /** Groups that say how their tasks are put together. */
  readonly groups: Readonly<Record<string, TaskScores>>;
  /** Mean over the tasks of the number that each is known by, where all have an accuracy. */
  readonly mean?: number;
  /** By which of its numbers each task is known. */
  readonly headlines: Readonly<Record<string, string>>;
  /** Requests whose context was longer than the model can see, by task; tasks without any are left out. */
  readonly truncated: Readonly<Record<string, number>>;
  /** Scores and texts that the model was asked for. */
  readonly requests: number;
  /** How many of them an earlier run has left; where answers are kept. */
  readonly fromCache?: number;
  /** Ids of the first tokens that the model read for each task's first request, where they were asked for. */
  readonly firstTokens?: Readonly<Record<string, readonly number[]>>;
  /** Every example, where they were asked for. */
  readonly samples?: readonly SampleLine[];
}

const options = z.strictObject({
  tasks: z.array(z.string()).min(1).describe('names of tasks, groups and tags'),
  tasksDir: z.array(z.string()).default([]).describe("folders of tasks in lm-eval's YAML"),
  taskData: z.record(z.string(), z.string()).default({}).describe('files by TASK or TASK:SPLIT'),
  limit: z.number().int().min(1).optional().describe('the first so many examples of each task'),
  numFewshot: z.number().int().min(0).optional().describe('examples with answers before each question'),
  maxLength: z.number().int().min(2).optional().describe('tokens that the model sees at most; by default what its config says'),
  bos: z.boolean().optional().describe("put the begin-of-text token first; by default as the model's tokenizer does"),
  passTokens: z.number().int().min(1).optional().describe('tokens that go through the model at once, about; it changes no score'),
  bootstrap: z.number().int().min(0).default(100_000).describe('draws for standard errors that have no formula; 0: no standard errors'),
  samples: z.boolean().default(false).describe('tell every example'),
  firstTokens: z.boolean().default(false).describe('tell the first token ids of each task, and of each sample'),
});

type TasksOptions = z.output<typeof options>;

/** What the tasks of a run are told. */
export type TasksInput = z.input<typeof options>;

/** lm-evaluation-harness' tasks: their YAML, prompts, requests, metrics and standard errors are those of lm-eval 0.4.9. */
export const tasks = evaluator({
  name: 'tasks',
  description: "Tasks in lm-evaluation-harness' YAML: accuracies, perplexities, their standard errors (Gao et al. 2021).",
  options,
  evaluate: async (model, given, context) => (await prepareTasks(given)).evaluate(model, context),
});

/** A task that is ready to run. */
interface ReadyTask {
  readonly definition: TaskDefinition;
  readonly examples: readonly Example[];
  readonly greedy: boolean;
  readonly headline: Headline;
  /** A filter's answer to an example's requests in, its values out. */
  readonly score: (example: Example, answers: readonly Answer[]) => Record<string, MetricValue>;
  readonly filters: ReadonlyMap<string, (answer: string) => string>;
  readonly aggregate: (metric: string) => ReturnType<typeof aggregator>;
}

/** Tasks that were read and checked: they can be run on one model after the other. */
export interface PreparedTasks {
  /** By which number each task is known, and which way it gets better. */
  readonly headlines: Readonly<Record<string, Headline>>;
  /** @param store - of this model: what it has is not asked again. Its numbers are the same to the bit where scores are (the native kernels). */
  evaluate(model: Model, context: EvaluationContext, store?: AnswerStore): Promise<TasksResult>;
}

/**
 * Reads tasks and their data, with functions of a program's own beside those that chop knows.
 *
 * @param hub - brings the data sets that tasks name; without it each task needs a file.
 * @throws `UsageError` and `DataError` of the tasks: all that can be wrong with them is told here, before a model is needed.
 */
export async function prepareTasks(input: TasksInput, hooks: Hooks = {}, hub?: HubData): Promise<PreparedTasks> {
  const given = checkOptions(options, input, 'tasks');
  const library = await TaskLibrary.open(given.tasksDir);
  const chosen = await library.choose(given.tasks);
  checkTaskFiles(given.taskData, [...chosen.tasks.keys()]);
  const ready = await readyTasks([...chosen.tasks.values()], given, { hooks: { ...HOOKS, ...hooks }, ...(hub ? { hub } : {}) });
  const headlines = Object.fromEntries(ready.map(({ definition, headline }) => [definition.config.task, headline]));
  return { headlines, evaluate: (model, context, store) => evaluateTasks(model, { given, ready, groups: chosen.groups, store }, context) };
}

async function evaluateTasks(
  model: Model,
  { given, ready, groups, store }: { given: TasksOptions; ready: readonly ReadyTask[]; groups: ReadonlyMap<string, TaskGroup>; store: AnswerStore | undefined },
  { tokenizer, signal, onProgress }: EvaluationContext,
): Promise<TasksResult> {
  if (!tokenizer)
    throw new UsageError('TASKS_TOKENIZER', {
      found: 'no tokenizer',
      expected: "the model's, to read the tasks with",
      remedy: 'Use a model with a tokenizer.',
    });
  const { maxLength, bos, passTokens } = given;
  const { answers, asked, known } = await answerAll(
    model,
    ready.flatMap(({ examples, greedy }) => examples.map((example) => ({ example, greedy }))),
    {
      tokenizer,
      ...(maxLength === undefined ? {} : { maxLength }),
      ...(bos === undefined ? {} : { bos }),
      ...(passTokens === undefined ? {} : { passTokens }),
      ...(store ? { store } : {}),
      ...(signal ? { signal } : {}),
      ...(onProgress ? { onProgress } : {}),
    },
  );
  const scores: Record<string, TaskScores> = {};
  const truncated: Record<string, number> = {};
  const firstTokens: Record<string, readonly number[]> = {};
  const samples: SampleLine[] = [];
  let from = 0;
  for (const task of ready) {
    const { task: name } = task.definition.config;
    const own = answers.slice(from, (from += task.examples.length));
    const lost = own.reduce((sum, one) => sum + one.truncated, 0);
    if (lost > 0) truncated[name] = lost;
    firstTokens[name] = own[0]!.firstTokens;
    scores[name] = await scoresOf(task, own, given, signal, samples);
  }
  const grouped = Object.fromEntries([...groups].flatMap(([name, group]) => (group.config.aggregate_metric_list ? [[name, groupScores(group, scores)]] : [])));
  const mean = meanOf(ready, scores);
  return {
    tasks: scores,
    groups: grouped,
    ...(mean === undefined ? {} : { mean }),
    headlines: Object.fromEntries(ready.map(({ definition, headline }) => [definition.config.task, headline.metric])),
    truncated,
    requests: asked,
    ...(store ? { fromCache: known } : {}),
    ...(given.firstTokens ? { firstTokens } : {}),
    ...(given.samples ? { samples } : {}),
  };
}

/** Everything that can be wrong with a task is found before any of them runs. */
async function readyTasks(
  definitions: readonly TaskDefinition[],
  given: TasksOptions,
  own: { readonly hooks: Hooks; readonly hub?: HubData },
): Promise<ReadyTask[]> {
  const { hooks } = own;
  const checked = definitions.map((definition) => {
    const metrics = metricsOf(definition);
    const aggregate = (metric: string): ReturnType<typeof aggregator> => aggregator(definition, metric, metrics.get(metric), hooks);
    for (const metric of metrics.keys()) aggregate(metric);
    const filters = filtersOf(definition);
    return {
      definition,
      metrics,
      aggregate,
      filters,
      headline: headlineOf(definition, metrics, filters.keys()),
      score: scorer(definition, metrics, hooks),
      greedy: given.samples || needsGreedy(definition, metrics),
    };
  });
  const ready: ReadyTask[] = [];
  for (const { metrics, ...task } of checked) {
    const examples = await examplesOf(task.definition, {
      files: given.taskData,
      ...own,
      mutualInformation: metrics.has('acc_mutual_info'),
      ...(given.limit === undefined ? {} : { limit: given.limit }),
      ...(given.numFewshot === undefined ? {} : { numFewshot: given.numFewshot }),
    });
    ready.push({ ...task, examples });
  }
  return ready;
}

async function scoresOf(
  task: ReadyTask,
  answered: readonly Answers[],
  given: TasksOptions,
  signal: AbortSignal | undefined,
  samples: SampleLine[],
): Promise<TaskScores> {
  const scores: Record<string, number> = {};
  for (const [filter, change] of task.filters) {
    const values = new Map<string, MetricValue[]>();
    task.examples.forEach((example, at) => {
      const filtered = answered[at]!.answers.map((answer) => (typeof answer === 'string' ? change(answer) : answer));
      const metrics = task.score(example, filtered);
      for (const [name, value] of Object.entries(metrics)) if (!values.get(name)?.push(value)) values.set(name, [value]);
      if (given.samples)
        samples.push(
          sampleLine({ task: task.definition.config.task, example, answered: answered[at]!, filter, filtered, metrics, firstTokens: given.firstTokens }),
        );
    });
    const suffix = filter === 'none' ? '' : `,${filter}`;
    for (const [name, items] of values) {
      const { value, standardError } = await task.aggregate(name)(items, { draws: given.bootstrap, ...(signal ? { signal } : {}) });
      scores[`${name}${suffix}`] = value;
      if (standardError !== undefined) scores[`${name}_stderr${suffix}`] = standardError;
    }
  }
  return { ...scores, n: task.examples.length };
}

function groupScores({ config, tasks: names }: TaskGroup, scores: Readonly<Record<string, TaskScores>>): TaskScores {
  const group: Record<string, number> = {};
  let n = 0;
  for (const { metric, weight_by_size: bySize, filter_list: filters } of config.aggregate_metric_list ?? [])
    for (const filter of filters) {
      const suffix = filter === 'none' ? '' : `,${filter}`;
      const parts = names.flatMap((name) => {
        const { [`${metric}${suffix}`]: value, [`${metric}_stderr${suffix}`]: standardError, n: size } = scores[name]!;
        return value === undefined ? [] : [{ value, size, ...(standardError === undefined ? {} : { standardError }) }];
      });
      if (parts.length === 0) continue;
      const { value, standardError } = pooled(parts, bySize);
      group[`${metric}${suffix}`] = value;
      if (standardError !== undefined) group[`${metric}_stderr${suffix}`] = standardError;
      n = parts.reduce((sum, { size }) => sum + size, 0);
    }
  return { ...group, n };
}

/** The mean of the numbers that the tasks are known by, where all are accuracies. */
function meanOf(ready: readonly ReadyTask[], scores: Readonly<Record<string, TaskScores>>): number | undefined {
  const values = ready.map(({ definition: { config }, headline: { metric } }) =>
    /^(acc|exact_match)/.test(metric) ? scores[config.task]![metric] : undefined,
  );
  if (values.length < 2 || values.some((value) => value === undefined)) return undefined;
  return (values as number[]).reduce((sum, value) => sum + value, 0) / values.length;
}
