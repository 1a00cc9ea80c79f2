import { DataError } from '@chop/core';
import { bootstrapMean, type BootstrapOptions, type Interval } from './bootstrap.js';
import { examplesForDeviation, examplesForFlips, type Power } from './examples-needed.js';
import { mcnemar, type McNemar } from './mcnemar.js';

/** What names an example: its number in the data set, or an id. */
export type ExampleId = string | number;

/** A model's score on each example. */
export type ExampleScores = ReadonlyMap<ExampleId, number>;

/** Two models on the same examples. */
export interface PairedComparison {
  readonly examples: number;
  readonly baseMean: number;
  readonly otherMean: number;
  /** The other's mean less the base's. */
  readonly difference: number;
  /** Standard error of the difference; with one example there is none. */
  readonly standardError?: number;
  /** Where the difference lies (paired bootstrap, BCa). Real, as far as these examples tell, when 0 lies outside. */
  readonly interval: Interval & { readonly confidence: number };
  /** Of scores that are 0 or 1 throughout. */
  readonly flips?: McNemar & {
    /** Examples that only the other model has right, in the base's order. */
    readonly gained: readonly ExampleId[];
    /** Examples that only the base has right. */
    readonly lost: readonly ExampleId[];
  };
  /** Examples that would tell a difference of this size with a power of 80 % at a level of 5 %; missing where there is no difference. */
  readonly examplesNeeded?: number;
}

/**
 * Whether the difference of two models on the same examples is real: most of what one example's score varies by is the example's, and cancels
 * within a pair.
 *
 * @throws {@link DataError} `PAIRED_EXAMPLES` when not both have all examples, or there is none; `PAIRED_SCORE` for one that is no finite number.
 *
 * @example paired(new Map([[0, 1], [1, 0]]), new Map([[0, 1], [1, 1]])).difference // 0.5
 */
export function paired(base: ExampleScores, other: ExampleScores, options: BootstrapOptions & Power = {}): PairedComparison {
  checkExamples(base, other);
  const pairs = [...base].map(([id, score]) => ({ id, base: score, other: other.get(id)! }));
  const differences = pairs.map((pair) => pair.other - pair.base);
  const difference = mean(differences);
  const deviation = Math.sqrt(differences.reduce((sum, value) => sum + (value - difference) ** 2, 0) / (pairs.length - 1));
  const { confidence = 0.95 } = options;
  const binary = pairs.every((pair) => isBinary(pair.base) && isBinary(pair.other));
  const [gained, lost] = [1, -1].map((way) => pairs.filter((_, i) => differences[i] === way).map(({ id }) => id)) as [ExampleId[], ExampleId[]];
  const count = pairs.length;
  const needed = binary ? examplesForFlips(gained.length / count, lost.length / count, options) : examplesForDeviation(difference, deviation || 0, options);
  return {
    examples: count,
    baseMean: mean(pairs.map((pair) => pair.base)),
    otherMean: mean(pairs.map((pair) => pair.other)),
    difference,
    ...(count > 1 ? { standardError: deviation / Math.sqrt(count) } : {}),
    interval: { ...bootstrapMean(differences, options), confidence },
    ...(binary ? { flips: { gained, lost, ...mcnemar(gained.length, lost.length) } } : {}),
    ...(needed === undefined ? {} : { examplesNeeded: needed }),
  };
}

function checkExamples(base: ExampleScores, other: ExampleScores): void {
  const lonely = [...base.keys()].find((id) => !other.has(id)) ?? [...other.keys()].find((id) => !base.has(id));
  if (lonely !== undefined || base.size === 0)
    throw new DataError('PAIRED_EXAMPLES', {
      found: lonely === undefined ? 'no example' : `example ${lonely} of one model only (${base.size} against ${other.size} examples)`,
      expected: 'the scores of both models on the same examples',
      remedy: 'Score both with the same tasks and --limit.',
    });
  for (const [id, score] of [...base, ...other])
    if (!Number.isFinite(score)) throw new DataError('PAIRED_SCORE', { found: `a score of ${score} on example ${id}`, expected: 'finite numbers' });
}

function isBinary(score: number): boolean {
  return score === 0 || score === 1;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
