import type { BootstrapOptions } from './bootstrap.js';
import type { Power } from './examples-needed.js';
import { type ExampleScores, paired, type PairedComparison } from './paired.js';
import type { SampleLine } from './sample-line.js';

/** Comparisons of two models by task and metric (of a filter: `exact_match,strict-match`). */
export type PairedTasks = Readonly<Record<string, Readonly<Record<string, PairedComparison>>>>;

/**
 * Compares two models example by example, on each task, by each metric that gives every example one number.
 *
 * @throws {@link DataError} `PAIRED_EXAMPLES` when not both were scored on the same examples.
 */
export function pairedTasks(base: readonly SampleLine[], other: readonly SampleLine[], options: BootstrapOptions & Power = {}): PairedTasks {
  const [ours, theirs] = [byMetric(base), byMetric(other)];
  const tasks: Record<string, Record<string, PairedComparison>> = {};
  for (const key of new Set([...ours.keys(), ...theirs.keys()])) {
    const [task, metric] = JSON.parse(key) as [string, string];
    (tasks[task] ??= {})[metric] = paired(ours.get(key) ?? new Map<number, number>(), theirs.get(key) ?? new Map<number, number>(), options);
  }
  return tasks;
}

function byMetric(lines: readonly SampleLine[]): Map<string, ExampleScores> {
  const scores = new Map<string, Map<number, number>>();
  for (const line of lines)
    for (const metric of line.metrics) {
      const value = line[metric];
      if (typeof value !== 'number') continue;
      const key = JSON.stringify([line.task, line.filter === 'none' ? metric : `${metric},${line.filter}`]);
      if (!scores.has(key)) scores.set(key, new Map());
      scores.get(key)!.set(line.doc_id, value);
    }
  return scores;
}
