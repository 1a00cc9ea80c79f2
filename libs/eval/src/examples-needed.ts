import { normalQuantile } from './normal.js';

/** How sure the next comparison is to be. */
export interface Power {
  /** Probability that a difference of this size is found, 0.8 by default. */
  readonly power?: number;
  /** Probability that a difference is found where there is none, 0.05 by default. */
  readonly alpha?: number;
}

/**
 * Examples that would tell apart two models with such flips, by McNemar's test:
 * `(z(1 − α/2)·√ψ + z(power)·√(ψ − δ²))² / δ²` with ψ the share that flips and δ the difference (Connor 1987, "Sample size for testing differences in
 * proportions for the paired-sample design").
 *
 * @param gained - share of examples that only the second model has right.
 * @param lost - share of examples that only the first model has right.
 * @returns `undefined` without a difference: no number of examples would do.
 */
export function examplesForFlips(gained: number, lost: number, { power = 0.8, alpha = 0.05 }: Power = {}): number | undefined {
  const [flipped, difference] = [gained + lost, gained - lost];
  if (difference === 0) return undefined;
  const root = normalQuantile(1 - alpha / 2) * Math.sqrt(flipped) + normalQuantile(power) * Math.sqrt(flipped - difference ** 2);
  return Math.ceil((root / difference) ** 2);
}

/**
 * Examples that would tell apart two models whose scores differ by `difference` on average, with such a standard deviation from example to example:
 * `((z(1 − α/2) + z(power)) · deviation / difference)²` (Miller 2024, "Adding error bars to evals", arXiv 2411.00640, with one answer per question).
 *
 * @returns `undefined` without a difference.
 */
export function examplesForDeviation(difference: number, deviation: number, { power = 0.8, alpha = 0.05 }: Power = {}): number | undefined {
  if (difference === 0) return undefined;
  const multiple = normalQuantile(1 - alpha / 2) + normalQuantile(power);
  return Math.max(1, Math.ceil(((multiple * deviation) / difference) ** 2));
}
