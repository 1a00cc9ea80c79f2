import { nearest, throwIfAborted, UsageError } from '@chop/core';
import { type Hooks, hookNamed } from './hooks.js';
import type { MetricValue } from './metrics.js';
import { PythonRandom } from './python-random.js';
import { ownersOf } from './task-document.js';
import type { TaskDefinition } from './task-file.js';
import { FunctionTag, type MetricConfig } from './task-schema.js';

/** A number for all examples, and how far it may be off. */
export interface Aggregate {
  readonly value: number;
  /** Missing where there is no formula for it (weighted perplexities), or one example only. */
  readonly standardError?: number;
}

type Aggregation = (items: readonly MetricValue[]) => number;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const meanOf: Aggregation = (items) => mean(items as readonly number[]);

const AGGREGATIONS: Readonly<Record<string, Aggregation>> = {
  mean: meanOf,
  nanmean: (items) => mean((items as readonly number[]).filter((value) => !Number.isNaN(value))),
  // lm-eval's, which takes the values as they come.
  median: (items) => (items as readonly number[])[Math.floor(items.length / 2)]!,
  perplexity: (items) => Math.exp(-meanOf(items)),
  weighted_perplexity: (items) => Math.exp(-weighted(items)),
  bits_per_byte: (items) => -weighted(items) / Math.LN2,
  f1: (items) => f1(items as readonly (readonly [number, number])[]),
  matthews_corrcoef: (items) => matthews(items as readonly (readonly [number, number])[]),
  brier_score: (items) => mean((items as readonly (readonly [number, readonly number[]])[]).map(([gold, shares]) => brier(gold, shares))),
  bypass: () => 999,
};

const BY_METRIC: Readonly<Record<string, string>> = {
  perplexity: 'perplexity',
  word_perplexity: 'weighted_perplexity',
  byte_perplexity: 'weighted_perplexity',
  bits_per_byte: 'bits_per_byte',
  f1: 'f1',
  mcc: 'matthews_corrcoef',
  brier_score: 'brier_score',
  bypass: 'bypass',
};

/** Those whose standard error lm-eval estimates by drawing examples again. */
const BOOTSTRAPPED = new Set(['median', 'perplexity', 'nanmean', 'f1', 'matthews_corrcoef']);
/** lm-eval draws 100,000 times, a thousand for each seed from 0 on. */
const DRAWS = 100_000;
const DRAWS_PER_SEED = 1000;

/** How all examples' values of a metric become one number. */
export function aggregator(
  definition: TaskDefinition,
  name: string,
  metric: MetricConfig | undefined,
  hooks: Hooks,
): (items: readonly MetricValue[], options?: { draws?: number; signal?: AbortSignal }) => Promise<Aggregate> {
  const given = metric?.aggregation ?? BY_METRIC[name] ?? 'mean';
  if (given instanceof FunctionTag) {
    const hook = hookNamed<Aggregation>(hooks, given, ownersOf(definition));
    return async (items) => ({ value: hook(items) });
  }
  const aggregation = AGGREGATIONS[given];
  if (!aggregation)
    throw new UsageError('TASK_UNSUPPORTED', {
      file: definition.file,
      found: `the aggregation ${given} of ${definition.config.task}'s ${name}`,
      expected: `one of ${Object.keys(AGGREGATIONS).join(', ')}`,
      remedy: `The nearest is ${nearest(given, Object.keys(AGGREGATIONS))}.`,
    });
  return async (items, { draws = DRAWS, signal } = {}) => {
    const value = aggregation(items);
    if (items.length < 2 || draws === 0) return { value };
    if (given === 'mean') return { value, standardError: deviation(items as readonly number[]) / Math.sqrt(items.length) };
    return BOOTSTRAPPED.has(given) ? { value, standardError: await bootstrapped(aggregation, items, draws, signal) } : { value };
  };
}

/** Standard deviation of a sample. */
function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

async function bootstrapped(aggregation: Aggregation, items: readonly MetricValue[], draws: number, signal: AbortSignal | undefined): Promise<number> {
  const values: number[] = [];
  const perSeed = Math.min(DRAWS_PER_SEED, draws);
  for (let seed = 0; seed < Math.floor(draws / perSeed); seed++) {
    throwIfAborted(signal);
    await new Promise((resolve) => setImmediate(resolve));
    const random = new PythonRandom(seed);
    for (let draw = 0; draw < perSeed; draw++) values.push(aggregation(items.map(() => items[Math.floor(random.next() * items.length)]!)));
  }
  return deviation(values);
}

/** Pairs of a sum and what it is of. */
function weighted(items: readonly MetricValue[]): number {
  const pairs = items as readonly (readonly [number, number])[];
  return pairs.reduce((sum, [value]) => sum + value, 0) / pairs.reduce((sum, [, weight]) => sum + weight, 0);
}

/** Of class 1, as scikit-learn has it for two classes. */
function f1(pairs: readonly (readonly [number, number])[]): number {
  const both = pairs.filter(([gold, predicted]) => gold === 1 && predicted === 1).length;
  const either = pairs.reduce((sum, [gold, predicted]) => sum + Number(gold === 1) + Number(predicted === 1), 0);
  return either === 0 ? 0 : (2 * both) / either;
}

/** Matthews' correlation of gold and predicted classes (Gorodkin 2004, eq. 8, for any number of them). */
function matthews(pairs: readonly (readonly [number, number])[]): number {
  const count = pairs.length;
  const classes = [...new Set(pairs.flat())];
  const golds = classes.map((one) => pairs.filter(([gold]) => gold === one).length);
  const predictions = classes.map((one) => pairs.filter(([, predicted]) => predicted === one).length);
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, at) => sum + value * b[at]!, 0);
  const right = pairs.filter(([gold, predicted]) => gold === predicted).length;
  const spread = Math.sqrt(count ** 2 - dot(predictions, predictions)) * Math.sqrt(count ** 2 - dot(golds, golds));
  return spread === 0 ? 0 : (right * count - dot(golds, predictions)) / spread;
}

function brier(gold: number, shares: readonly number[]): number {
  return shares.reduce((sum, share, at) => sum + (share - Number(at === gold)) ** 2, 0);
}

/** Subtasks' numbers as one: their mean, by size or each alike; its standard error is pooled from theirs. */
export function pooled(parts: readonly { readonly value: number; readonly standardError?: number; readonly size: number }[], bySize: boolean): Aggregate {
  const weights = parts.map(({ size }) => (bySize ? size : 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const value = parts.reduce((sum, part, at) => sum + part.value * weights[at]!, 0) / total;
  const sizes = parts.reduce((sum, { size }) => sum + size, 0);
  if (parts.some(({ standardError }) => standardError === undefined) || sizes === parts.length) return { value };
  const variance = parts.reduce((sum, { standardError, size }) => sum + (size - 1) * standardError! ** 2 * size, 0) / (sizes - parts.length);
  return { value, standardError: Math.sqrt(variance / sizes) };
}
