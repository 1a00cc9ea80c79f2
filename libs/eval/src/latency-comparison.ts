import type { EvaluationContext, Model } from '@chop/core';
import { latencyOf, type LatencyResult, percentiles, type Percentiles, queryMilliseconds } from './latency.js';
import { type LatencyOptions, type LatencySample, type LatencySamples, sampleLatency } from './latency-samples.js';

/** How many times as fast as the base: of each pair of runs that followed each other. */
export interface SpeedUp extends Percentiles {
  readonly pairs: number;
}

/** A model's speed-ups with one batch and context. */
export interface SpeedUps {
  readonly batch: number;
  readonly context: number;
  readonly prefill: SpeedUp;
  readonly decode: SpeedUp;
  /** Of reading the prompts and writing all tokens. */
  readonly query: SpeedUp;
}

/** Models timed side by side. */
export interface LatencyComparison<Name extends string = string> {
  readonly base: Name;
  readonly results: Readonly<Record<Name, LatencyResult>>;
  /** Measured, of each model but the base. */
  readonly speedUps: Readonly<Partial<Record<Name, readonly SpeedUps[]>>>;
}

/**
 * Times models side by side: they take turns, and a speed-up is the median over pairs of runs. Noise that lasts longer than a run hits both of a pair
 * and cancels. All models are in memory at once.
 *
 * @param models - by name; the first is the base.
 * @throws {@link UsageError} `CONTEXT_LENGTH`
 */
export async function compareLatency<Name extends string>(
  models: Readonly<Record<Name, Model>>,
  options: LatencyOptions,
  context: Pick<EvaluationContext, 'signal' | 'onProgress'> = {},
): Promise<LatencyComparison<Name>> {
  const [names, loaded] = [Object.keys(models) as Name[], Object.values<Model>(models)];
  const samples = await sampleLatency(loaded, options, context);
  const [base, ...others] = names as [Name, ...Name[]];
  return {
    base,
    results: Object.fromEntries(names.map((name, i) => [name, latencyOf(loaded[i]!, samples[i]!)])) as Record<Name, LatencyResult>,
    speedUps: Object.fromEntries(others.map((name, i) => [name, speedUps(samples[0]!, samples[i + 1]!)])) as Partial<Record<Name, SpeedUps[]>>,
  };
}

/** Speed-ups over the base, from samples that were taken in turns. */
export function speedUps(base: readonly LatencySamples[], other: readonly LatencySamples[]): SpeedUps[] {
  return base.map(({ batch, context, steady }, at) => {
    const ratio = (milliseconds: (sample: LatencySample) => number): SpeedUp => {
      const ratios = steady.map((each, run) => milliseconds(each) / milliseconds(other[at]!.steady[run]!));
      return { ...percentiles(ratios), pairs: ratios.length };
    };
    return {
      batch,
      context,
      prefill: ratio(({ prefill }) => prefill),
      decode: ratio(({ steps }) => percentiles(steps).median),
      query: ratio(queryMilliseconds),
    };
  });
}
