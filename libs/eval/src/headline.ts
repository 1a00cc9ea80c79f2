import type { MetricConfig } from './task-schema.js';
import type { TaskDefinition } from './task-file.js';

/** The number that a task is known by. */
export interface Headline {
  /** `acc`, `acc_norm`, `exact_match,strict-match` … */
  readonly metric: string;
  readonly better: 'lower' | 'higher';
}

/** Metrics that get better as they get smaller, where a task does not tell. */
const LOWER: readonly string[] = ['perplexity', 'word_perplexity', 'byte_perplexity', 'bits_per_byte', 'brier_score'];
/** Accuracies, of which the first that a task has stands for it. */
const ACCURACIES: readonly string[] = ['acc', 'exact_match'];

/** What a task is known by: what its metadata call `headline` (as the paper reports it), else an accuracy, else its first metric; of several filters the first. */
export function headlineOf({ config }: TaskDefinition, metrics: ReadonlyMap<string, MetricConfig>, filters: Iterable<string>): Headline {
  const { headline } = (config.metadata ?? {}) as { headline?: string };
  const name = headline ?? ACCURACIES.find((known) => metrics.has(known)) ?? [...metrics.keys()][0]!;
  const [filter] = filters;
  const isHigher = metrics.get(name)?.higher_is_better ?? !LOWER.includes(name);
  return { metric: filter === undefined || filter === 'none' ? name : `${name},${filter}`, better: isHigher ? 'higher' : 'lower' };
}
