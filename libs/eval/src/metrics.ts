import { DataError, nearest, UsageError } from '@chop/core';
import { type Hooks, hookNamed, type TaskDocument } from './hooks.js';
import { codePoints, splitAtSpace } from './python-text.js';
import { exactMatch } from './exact-match.js';
import { ownersOf, type Target } from './task-document.js';
import type { TaskDefinition } from './task-file.js';
import { FunctionTag, type MetricConfig, type TaskConfig } from './task-schema.js';

/** What a metric says of one example: a number, or what an aggregation makes one of. */
export type MetricValue = number | readonly unknown[];

/** What the model answered to one example's requests: `[log-likelihood, greedy]`, a log-likelihood, or a text. */
export type Answer = readonly [number, boolean] | number | string;

/** An example, as far as metrics look at it. */
export interface Answered {
  readonly document: TaskDocument;
  readonly target: Target;
  readonly choices: readonly string[] | undefined;
  /** The right choices, of a multiple choice. */
  readonly gold: readonly number[];
}

const BY_OUTPUT: Readonly<Record<TaskConfig['output_type'], readonly string[]>> = {
  multiple_choice: ['acc', 'acc_norm', 'acc_mutual_info', 'exact_match', 'f1', 'mcc', 'brier_score'],
  loglikelihood: ['perplexity', 'acc'],
  loglikelihood_rolling: ['word_perplexity', 'byte_perplexity', 'bits_per_byte'],
  generate_until: ['exact_match', 'bypass'],
};
const BY_DEFAULT: Readonly<Record<TaskConfig['output_type'], readonly string[]>> = {
  multiple_choice: ['acc', 'acc_norm'],
  loglikelihood: ['perplexity', 'acc'],
  loglikelihood_rolling: ['word_perplexity', 'byte_perplexity', 'bits_per_byte'],
  generate_until: ['exact_match'],
};

/** A task's metrics by name, as its `metric_list` has them or its kind of output by default. */
export function metricsOf({ config, file }: TaskDefinition): ReadonlyMap<string, MetricConfig> {
  const listed: readonly MetricConfig[] = config.metric_list ?? BY_DEFAULT[config.output_type].map((metric) => ({ metric }));
  const known = BY_OUTPUT[config.output_type];
  return new Map(
    listed.map((metric) => {
      const name = metric.metric instanceof FunctionTag ? metric.metric.name : metric.metric;
      if (config.process_results || (known.includes(name) && metric.hf_evaluate !== true)) return [name, metric];
      throw new UsageError('TASK_UNSUPPORTED', {
        file,
        found: `the metric ${name} of ${config.task}${metric.hf_evaluate === true ? ', computed by the package evaluate' : ''}`,
        expected: `for ${config.output_type}, one of ${known.join(', ')}`,
        remedy: `The nearest is ${nearest(name, known)}.`,
      });
    }),
  );
}

/** Whether greedy answers count: elsewhere they need not be computed. */
export function needsGreedy({ config }: TaskDefinition, metrics: ReadonlyMap<string, MetricConfig>): boolean {
  if (config.output_type === 'loglikelihood') return config.process_results instanceof FunctionTag || metrics.has('acc');
  return config.output_type === 'multiple_choice' && metrics.has('exact_match');
}

/** Makes a task's metrics of what the model answered. */
export function scorer(
  definition: TaskDefinition,
  metrics: ReadonlyMap<string, MetricConfig>,
  hooks: Hooks,
): (example: Answered, answers: readonly Answer[]) => Record<string, MetricValue> {
  const { config } = definition;
  if (config.process_results) {
    const hook = hookNamed<(document: TaskDocument, answers: readonly Answer[]) => Record<string, MetricValue>>(
      hooks,
      config.process_results,
      ownersOf(definition),
    );
    return ({ document }, answers) => hook(document, answers);
  }
  const only = (all: Record<string, MetricValue>): Record<string, MetricValue> => Object.fromEntries(Object.entries(all).filter(([name]) => metrics.has(name)));
  switch (config.output_type) {
    case 'multiple_choice':
      return (example, answers) => only(multipleChoice(example, answers as (readonly [number, boolean])[]));
    case 'loglikelihood':
      return (_, [answer]) => only({ perplexity: (answer as [number, boolean])[0], acc: Number((answer as [number, boolean])[1]) });
    case 'loglikelihood_rolling':
      return ({ target }, [answer]) => only(rolling(String(target), answer as number));
    case 'generate_until':
      return ({ target, choices }, [answer]) => {
        const right = choices ? [choices[target as number]!] : Array.isArray(target) ? target.map(String) : [String(target)];
        const { metric: _, aggregation: _a, higher_is_better: _h, hf_evaluate: _e, ...options } = metrics.get('exact_match') ?? { metric: 'exact_match' };
        return only({ exact_match: Number(right.some((one) => exactMatch(String(answer), one, options))), bypass: 0 });
      };
  }
}

/** `acc_norm` divides by characters (code points, as Python's `len` counts them), `acc_mutual_info` subtracts what the choice scores by itself. */
export function multipleChoice(
  { choices, gold }: Pick<Answered, 'choices' | 'gold'>,
  answers: readonly (readonly [number, boolean])[],
): Record<string, MetricValue> {
  const own = answers.slice(0, choices!.length);
  const alone = answers.slice(choices!.length);
  const likelihoods = own.map(([logLikelihood]) => logLikelihood);
  const right = (scores: readonly number[]): number => Number(gold.includes(largest(scores)));
  return {
    acc: right(likelihoods),
    acc_norm: right(likelihoods.map((value, at) => value / codePoints(choices![at]!))),
    ...(alone.length > 0 ? { acc_mutual_info: right(likelihoods.map((value, at) => value - alone[at]![0])) } : {}),
    exact_match: Number(gold.some((at) => own[at]![1])),
    f1: [gold[0], largest(likelihoods)],
    mcc: [gold[0], largest(likelihoods)],
    brier_score: [gold[0], softmax(likelihoods)],
  };
}

/** The first of the largest. */
function largest(values: readonly number[]): number {
  return values.reduce((best, value, at) => (value > values[best]! ? at : best), 0);
}

function softmax(values: readonly number[]): number[] {
  const top = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - top));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

function rolling(text: string, logLikelihood: number): Record<string, MetricValue> {
  const [wordCount, byteCount] = [splitAtSpace(text).length, Buffer.byteLength(text)];
  return { word_perplexity: [logLikelihood, wordCount], byte_perplexity: [logLikelihood, byteCount], bits_per_byte: [logLikelihood, byteCount] };
}

/**
 * The places of the right choices.
 * @throws {@link DataError} `TASK_GOLD` when the document does not tell, or names one that is not there.
 */
export function goldOf(target: Target, choices: readonly string[]): number[] {
  const places = (Array.isArray(target) ? target : [target]).map((one: string | number) => (typeof one === 'number' ? one : choices.indexOf(one)));
  if (places.length > 0 && places.every((place) => Number.isInteger(place) && place >= 0 && place < choices.length)) return places;
  throw new DataError('TASK_GOLD', {
    found: `the answer ${JSON.stringify(target)}`,
    expected: `one of the choices, 0 to ${choices.length - 1}: ${choices.map((choice) => JSON.stringify(choice)).join(', ')}`,
    remedy: 'Mend the data, or doc_to_target; many test splits hide their answers.',
  });
}
