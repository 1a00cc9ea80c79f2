import { evaluator, type Model } from '@chop/core';
import { quantile } from './bootstrap.js';
import { walkFlops } from './flops.js';
import { latencyOptions, type LatencySample, type LatencySamples, sampleLatency } from './latency-samples.js';

/** How times spread. */
export interface Percentiles {
  readonly p10: number;
  readonly median: number;
  readonly p90: number;
  readonly p99: number;
}

/** One kind of work in its steady state, and before. */
export interface Timing {
  /** Of all texts together, at the median. */
  readonly tokensPerSecond: number;
  /** Milliseconds of one run (prefill: the whole prompts; decode: one token of each text). */
  readonly milliseconds: Percentiles;
  readonly runs: number;
  /** Floating-point operations of one run, counted from the model's shape. */
  readonly flops: number;
  /** Median of the runs that are in none of the other numbers: the first ones, and each prompt's first written token. */
  readonly warmup?: { readonly milliseconds: number; readonly runs: number };
}

/** What is measured of one batch and context. */
export interface LatencySetting {
  readonly batch: number;
  /** Tokens of each prompt. */
  readonly context: number;
  readonly prefill: Timing;
  readonly decode: Timing;
  /** Milliseconds of a query as users feel it: reading the prompts and writing all tokens. */
  readonly query: Percentiles;
  /** Bytes that the texts hold in memory beside the weights: keys, values, and what is recorded. */
  readonly textBytes: number;
}

/** What {@link latency} measures. */
export interface LatencyResult {
  /** Those of the first setting. */
  readonly prefill: Timing;
  readonly decode: Timing;
  /** Each batch with each context. */
  readonly settings: readonly LatencySetting[];
  /** Bytes of the weights in memory. */
  readonly weightBytes: number;
}

/** Tokens per second of reading prompts and of writing after them. */
export const latency = evaluator({
  name: 'latency',
  description: 'Tokens per second of prefill and decode, by batch and context.',
  options: latencyOptions,
  async evaluate(model, options, context): Promise<LatencyResult> {
    const [samples] = await sampleLatency([model], options, context);
    return latencyOf(model, samples!);
  },
});

/** The numbers of one model's samples. */
export function latencyOf(model: Model, samples: readonly LatencySamples[]): LatencyResult {
  const settings = samples.map((each) => settingOf(model, each));
  const { prefill, decode } = settings[0]!;
  return { prefill, decode, settings, weightBytes: model.names.reduce((sum, name) => sum + model.value(name).size * 4, 0) };
}

function settingOf({ blueprint }: Model, { batch, context, warmup, steady }: LatencySamples): LatencySetting {
  const tokens = steady[0]!.steps.length;
  const flops = {
    prefill: walkFlops(blueprint, { batch, tokens: context }),
    // The first token has been written before; from step to step one more is attended to.
    decode: walkFlops(blueprint, { batch, before: context + (1 + tokens) / 2, tokens: 1 }),
  };
  return {
    batch,
    context,
    prefill: timing(
      steady.map(({ prefill }) => prefill),
      warmup.map(({ prefill }) => prefill),
      batch * context,
      flops.prefill,
    ),
    decode: timing(
      steady.flatMap(({ steps }) => steps),
      [...warmup.flatMap(({ first, steps }) => [first, ...steps]), ...steady.map(({ first }) => first)],
      batch,
      flops.decode,
    ),
    query: percentiles(steady.map(queryMilliseconds)),
    textBytes: Math.max(...steady.map(({ textBytes }) => textBytes)),
  };
}

/** Reading a prompt and writing all tokens. */
export function queryMilliseconds({ prefill, first, steps }: LatencySample): number {
  return steps.reduce((sum, step) => sum + step, prefill + first);
}

/** Of values in any order. */
export function percentiles(values: readonly number[]): Percentiles {
  const sorted = Float64Array.from(values).sort();
  const [p10, median, p90, p99] = [0.1, 0.5, 0.9, 0.99].map((share) => quantile(sorted, share)) as [number, number, number, number];
  return { p10, median, p90, p99 };
}

function timing(steady: readonly number[], warmup: readonly number[], tokens: number, flops: number): Timing {
  const milliseconds = percentiles(steady);
  return {
    tokensPerSecond: (1000 * tokens) / milliseconds.median,
    milliseconds,
    runs: steady.length,
    flops,
    ...(warmup.length > 0 ? { warmup: { milliseconds: percentiles(warmup).median, runs: warmup.length } } : {}),
  };
}
