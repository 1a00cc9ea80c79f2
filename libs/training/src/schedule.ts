import { UsageError } from '@chop/core';
import type { TrainOptions } from './options.js';

/** The sizes of a run that follow from its options. */
export interface Extent {
  readonly steps: number;
  readonly tokensPerStep: number;
  readonly warmupSteps: number;
  /** Steps between two snapshots and two evaluations; `undefined` = none. */
  readonly saveSteps: number;
  readonly evalSteps: number | undefined;
}

/** @throws {@link UsageError} `TRAIN_LENGTH` when neither or both of tokens and steps are given. */
export function extentOf(options: TrainOptions): Extent {
  const { tokens, steps: given, batchSize, window, accumulate, warmupSteps, saveEvery, evalEvery } = options;
  if ((tokens === undefined) === (given === undefined)) {
    throw new UsageError('TRAIN_LENGTH', {
      found: tokens === undefined ? 'neither tokens nor steps' : 'both tokens and steps',
      expected: 'one of them',
      remedy: 'For example --tokens 1M.',
    });
  }
  const tokensPerStep = batchSize * window * accumulate;
  const steps = given ?? Math.ceil(tokens! / tokensPerStep);
  const every = (count: number): number => Math.max(1, Math.round(count / tokensPerStep));
  return {
    steps,
    tokensPerStep,
    warmupSteps: warmupSteps ?? Math.round(0.02 * steps),
    saveSteps: saveEvery === undefined ? Math.max(1, Math.ceil(steps / 10)) : every(saveEvery),
    evalSteps: evalEvery === undefined ? undefined : every(evalEvery),
  };
}

/** Learning rate of step `index` (from 1): linear warm-up, then cosine or linear to `minLrRatio` of the peak at the last step, or constant. */
export function learningRate(index: number, { lr, schedule, minLrRatio }: TrainOptions, { steps, warmupSteps }: Extent): number {
  if (index <= warmupSteps) return (lr * index) / warmupSteps;
  if (schedule === 'constant') return lr;
  const progress = (index - warmupSteps) / Math.max(1, steps - warmupSteps);
  const rest = schedule === 'cosine' ? 0.5 * (1 + Math.cos(Math.PI * progress)) : 1 - progress;
  return lr * (minLrRatio + (1 - minLrRatio) * rest);
}
