import { OutputError } from '@chop/core';

/** How far two runs of one model were apart, and how far they may be. */
export interface Difference {
  readonly maxDifference: number;
  readonly tolerance: number;
  /** Where the reader rounds activations: Kullback-Leibler divergence of its next tokens from chop's, in nats, the median over the text. */
  readonly divergence?: number;
  readonly divergenceTolerance?: number;
}

/** Logits `[tokens, vocab]` of one text. */
export interface ExpectedLogits {
  readonly values: Float32Array;
  /** The same with activations rounded as finely as the reader rounds them, in other ways: how far that alone moves this model. None where it does not. */
  readonly rounded: readonly Float32Array[];
}

/**
 * A model may take the rounding of its activations lightly or to heart: in blocks of 8 bits SmolLM2's median divergence is 0.010, and 0.28 where a third of
 * its FFN and heads were cut and nothing mended. A good reader was 0.6 to 1.6 times as far away (llama.cpp's products for AVX2, AVX-512 and AMX, of whole,
 * halved and narrowed SmolLM2); turned rotary pairs, heads of the wrong group, gate and up in each other's place 20 to 1000 times, one matrix of zeros or
 * with its rows in disorder 6 to 1000 times, save in the last layer.
 */
const TIMES_DIVERGENCE = 4;
/** Nats below which two distributions are one for all that is done with them: perplexities 0.1 % apart. */
const LEAST_DIVERGENCE = 1e-3;
/** The same of the largest difference, one value out of all: 0.3 to 1.8 times was seen. */
const TIMES_DIFFERENCE = 3;

/**
 * The largest difference between logits, and where activations are rounded, how far the distributions are apart.
 *
 * @param share - what the difference may be, as a share of the largest expected logit (at least 1).
 * @param reader - who gave `found`.
 * @throws {@link OutputError} `EXPORT_DIFFERS`: where, what was found and what was expected.
 */
export function compareLogits(
  found: Float32Array,
  { values: expected, rounded }: ExpectedLogits,
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
  const vocab = expected.length / ids.length;
  const { worst, maxDifference } = largestDifference(found, expected);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  const tolerance = Math.max(share * largest, ...rounded.map((other) => TIMES_DIFFERENCE * largestDifference(other, expected).maxDifference));
  const [position, token] = [Math.floor(worst / vocab), worst % vocab];
  if (!(maxDifference <= tolerance))
    throw new OutputError('EXPORT_DIFFERS', {
      file,
      found: `a logit of ${found[worst]} for token ${token} after position ${position} from ${reader}`,
      expected: `${expected[worst]} (chop on the same weights), within ${tolerance.toPrecision(2)}`,
      remedy,
      ...{ position, token, ids, maxDifference, tolerance },
    });
  if (rounded.length === 0) return { maxDifference, tolerance };
  const divergence = medianDivergence(found, expected, vocab);
  const divergenceTolerance = Math.max(LEAST_DIVERGENCE, ...rounded.map((other) => TIMES_DIVERGENCE * medianDivergence(other, expected, vocab)));
  if (divergence <= divergenceTolerance) return { maxDifference, tolerance, divergence, divergenceTolerance };
  throw new OutputError('EXPORT_DIFFERS', {
    file,
    found: `next tokens from ${reader} whose probabilities are ${divergence.toPrecision(2)} nats from chop's on the same weights`,
    expected: `at most ${divergenceTolerance.toPrecision(2)}, ${TIMES_DIVERGENCE} times what rounded activations alone come to`,
    remedy,
    ...{ ids, maxDifference, tolerance, divergence, divergenceTolerance },
  });
}

function largestDifference(found: Float32Array, expected: Float32Array): { worst: number; maxDifference: number } {
  let [worst, maxDifference] = [0, 0];
  for (let at = 0; at < found.length; at++) {
    const difference = Math.abs(found[at]! - expected[at]!);
    if (difference <= maxDifference) continue;
    // What is no number is as far away as can be.
    [worst, maxDifference] = [at, Number.isNaN(difference) ? Infinity : difference];
    if (maxDifference === Infinity) break;
  }
  return { worst, maxDifference };
}

/** KL(expected ‖ found) of the next token, the median over the tokens: one that tips over tells of the model, not of its reader. */
function medianDivergence(found: Float32Array, expected: Float32Array, vocab: number): number {
  const each: number[] = [];
  for (let from = 0; from < expected.length; from += vocab) {
    const [p, q] = [expected, found].map((logits) => logits.subarray(from, from + vocab)) as [Float32Array, Float32Array];
    const [ofP, ofQ] = [logSum(p), logSum(q)];
    each.push(p.reduce((sum, logit, at) => sum + Math.exp(logit - ofP) * (logit - ofP - (q[at]! - ofQ)), 0));
  }
  each.sort((a, b) => a - b);
  return (each[Math.floor((each.length - 1) / 2)]! + each[Math.ceil((each.length - 1) / 2)]!) / 2;
}

function logSum(logits: Float32Array): number {
  const most = logits.reduce((largest, value) => Math.max(largest, value), -Infinity);
  return most + Math.log(logits.reduce((sum, value) => sum + Math.exp(value - most), 0));
}
