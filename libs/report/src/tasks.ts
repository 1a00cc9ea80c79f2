import type { TaskScore, VariantFacts } from './facts.js';
import { isMeasured, MISSING, valueFigure } from './figures.js';
import type { Better } from './pareto.js';

/** Standard errors on either side of a value that hold the truth 95 times in 100, if errors are normal. */
const INTERVAL_ERRORS = 1.96;

/** One number of one task that some variant has. */
export interface TaskMeasure {
  readonly name: string;
  readonly metric: string;
  readonly better: Better;
  /** Whether it is a share of right answers, shown in per cent. */
  readonly isShare: boolean;
}

/** The tasks of all variants, in their order. */
export function tasksOf(variants: readonly VariantFacts[]): TaskMeasure[] {
  const all = new Map<string, TaskScore[]>();
  for (const score of variants.flatMap(({ tasks = [] }) => tasks).filter(({ value }) => isMeasured(value))) {
    const key = JSON.stringify([score.name, score.metric]);
    all.set(key, [...(all.get(key) ?? []), score]);
  }
  return [...all.values()].map((scores) => {
    const { name, metric } = scores[0]!;
    const better = /perplexity|bits_per_byte|loss/.test(metric) ? 'lower' : 'higher';
    return { name, metric, better, isShare: better === 'higher' && scores.every(({ value }) => value >= 0 && value <= 1) };
  });
}

/** A variant's score; undefined where it was not measured. */
export function scoreOf({ tasks = [] }: VariantFacts, { name, metric }: TaskMeasure): TaskScore | undefined {
  return tasks.find((score) => score.name === name && score.metric === metric && isMeasured(score.value));
}

/** Where the true value lies with a confidence of 95 %; undefined without a standard error. A share stays between 0 and 1. */
export function intervalOf({ value, stderr }: Pick<TaskScore, 'value' | 'stderr'>, isShare: boolean): readonly [low: number, high: number] | undefined {
  if (!isMeasured(stderr)) return undefined;
  const [low, high] = [value - INTERVAL_ERRORS * stderr, value + INTERVAL_ERRORS * stderr];
  return isShare ? [Math.max(0, low), Math.min(1, high)] : [low, high];
}

/**
 * The mean over the shares of right answers of those tasks that every variant with tasks has, one number a task; undefined where there are fewer than two.
 * Its standard error is that of a mean of independent scores: √Σ se² / tasks.
 */
export function meanAccuracy(
  variants: readonly VariantFacts[],
): ((variant: VariantFacts) => { value: number; stderr?: number } | undefined) & { tasks: number } {
  const tested = variants.filter(({ tasks }) => tasks?.length);
  const shared = tasksOf(variants).filter((task) => task.isShare && tested.every((variant) => scoreOf(variant, task)));
  const one = shared.filter(({ name }, index) => shared.findIndex((other) => other.name === name) === index);
  const mean = (variant: VariantFacts): { value: number; stderr?: number } | undefined => {
    const scores = one.map((task) => scoreOf(variant, task));
    if (scores.length < 2 || scores.some((score) => !score)) return undefined;
    const value = scores.reduce((sum, score) => sum + score!.value, 0) / scores.length;
    const squares = scores.reduce((sum, score) => sum + (score!.stderr ?? NaN) ** 2, 0);
    return { value, ...(isMeasured(squares) ? { stderr: Math.sqrt(squares) / scores.length } : {}) };
  };
  return Object.assign(mean, { tasks: one.length });
}

/** A share in per cent to one decimal, its sign aside: `61.3`; without its unit, which stands in the head. */
export function percentFigure(share: number | undefined): string {
  return isMeasured(share) ? (100 * share).toFixed(1) : MISSING;
}

/** A score and its standard error: `61.3 ± 4.9`. */
export function scoreFigure({ value, stderr }: Pick<TaskScore, 'value' | 'stderr'>, isShare: boolean): string {
  const figure = isShare ? percentFigure : valueFigure;
  return isMeasured(stderr) ? `${figure(value)} ± ${figure(stderr)}` : figure(value);
}
