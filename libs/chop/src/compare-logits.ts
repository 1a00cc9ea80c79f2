import { OutputError } from '@chop/core';

/** How far two runs of one model were apart, and how far they may be. */
export interface Difference {
  readonly maxDifference: number;
  readonly tolerance: number;
}

/**
 * The largest difference between logits `[tokens, vocab]`.
 *
 * @param share - what it may be, as a share of the largest expected logit (at least 1).
 * @param reader - who gave `found`.
 * @throws {@link OutputError} `EXPORT_DIFFERS`: where, what was found and what was expected.
 */
export function compareLogits(
  found: Float32Array,
  expected: Float32Array,
  { ids, share, reader, file }: { readonly ids: readonly number[]; readonly share: number; readonly reader: string; readonly file: string },
): Difference {
  const remedy = 'Nothing was written. Tell us with the model and the command; --no-verify writes it all the same.';
  if (found.length !== expected.length)
    throw new OutputError('EXPORT_DIFFERS', {
      file,
      found: `${found.length / ids.length} logits after each token from ${reader}`,
      expected: `${expected.length / ids.length}`,
      remedy,
    });
  let [worst, maxDifference, largest] = [0, 0, 1];
  for (let at = 0; at < found.length; at++) {
    const difference = Math.abs(found[at]! - expected[at]!);
    largest = Math.max(largest, Math.abs(expected[at]!));
    // What is no number is as far away as can be.
    if (difference <= maxDifference) continue;
    [worst, maxDifference] = [at, Number.isNaN(difference) ? Infinity : difference];
    if (maxDifference === Infinity) break;
  }
  const tolerance = share * largest;
  if (maxDifference <= tolerance) return { maxDifference, tolerance };
  const vocab = expected.length / ids.length;
  const [position, token] = [Math.floor(worst / vocab), worst % vocab];
  throw new OutputError('EXPORT_DIFFERS', {
    file,
    found: `a logit of ${found[worst]} for token ${token} after position ${position} from ${reader}`,
    expected: `${expected[worst]} (chop on the same weights), within ${tolerance.toPrecision(2)}`,
    remedy,
    position,
    token,
    ids,
    maxDifference,
    tolerance,
  });
}
