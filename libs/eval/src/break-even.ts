import { DataError } from '@chop/core';

/** What a method took, and what a query takes before and after; all measured. */
export interface BreakEvenFacts {
  /** Seconds of pruning: planning, calibration, cutting, writing. */
  readonly pruneSeconds: number;
  /** Seconds of recovery: training after the cut or during it. */
  readonly recoverySeconds?: number;
  /** Seconds of one query on the model as it was. */
  readonly baseSeconds: number;
  /** Seconds of one query, the same one, on the compressed model. */
  readonly compressedSeconds: number;
  /** Where the speed-up lies, as far as pairs of runs tell. On both sides of 1, nothing is promised. */
  readonly speedUpRange?: { readonly p10: number; readonly p90: number };
}

/** When a method has earned back its cost. */
export interface BreakEven {
  readonly costSeconds: number;
  /** Seconds that the compressed model saves with each query; below 0 where it is slower. */
  readonly savedSecondsPerQuery: number;
  readonly speedUp: number;
  /** Queries after which the saved time is at least the cost. Missing where that never comes, or is not known. */
  readonly queries?: number;
  /** The same in words. */
  readonly words: string;
}

/**
 * Queries after which the faster inference has paid for pruning and training (CHOP Table 3): the method's seconds over the seconds saved per query.
 * Both are of the machine that they were measured on; energy and memory are left out.
 *
 * @throws {@link DataError} `BREAK_EVEN_FACTS` for times that are no times.
 *
 * @example breakEven({ pruneSeconds: 10, recoverySeconds: 70, baseSeconds: 0.351, compressedSeconds: 0.191 }).queries // 500
 */
export function breakEven({ pruneSeconds, recoverySeconds = 0, baseSeconds, compressedSeconds, speedUpRange }: BreakEvenFacts): BreakEven {
  checkTimes({ pruneSeconds, recoverySeconds }, (seconds) => seconds >= 0, 'at least 0');
  checkTimes({ baseSeconds, compressedSeconds }, (seconds) => seconds > 0, 'more than 0');
  const costSeconds = pruneSeconds + recoverySeconds;
  const savedSecondsPerQuery = baseSeconds - compressedSeconds;
  const shared = { costSeconds, savedSecondsPerQuery, speedUp: baseSeconds / compressedSeconds };
  if (speedUpRange && speedUpRange.p10 < 1 && speedUpRange.p90 > 1) return { ...shared, words: 'unknown: the runs do not tell the two apart' };
  if (savedSecondsPerQuery === 0) return { ...shared, words: 'never: a query takes as long as before' };
  if (savedSecondsPerQuery < 0) return { ...shared, words: 'never: a query takes longer than before' };
  const queries = Math.ceil(costSeconds / savedSecondsPerQuery);
  return {
    ...shared,
    queries,
    words: queries === 0 ? 'at once: it cost nothing' : `after ${queries.toLocaleString('en-US')} ${queries === 1 ? 'query' : 'queries'}`,
  };
}

function checkTimes(times: Readonly<Record<string, number>>, fits: (seconds: number) => boolean, expected: string): void {
  for (const [name, seconds] of Object.entries(times)) {
    if (Number.isFinite(seconds) && fits(seconds)) continue;
    throw new DataError('BREAK_EVEN_FACTS', {
      found: `${name} of ${seconds}`,
      expected: `seconds, ${expected}`,
      remedy: 'Measure it: break-even is of measured times.',
    });
  }
}
