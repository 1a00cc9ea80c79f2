import * as tf from '@tensorflow/tfjs-core';

import { defineKernel } from './kernel.js';

/**
 * What the factors of the matrix products of linear layers and losses count as: float32 as they are, or each rounded to the nearest bfloat16. Sums are float32
 * in both, and so is everything in memory: weights, gradients and moments are their own master copies.
 */
export type Precision = 'f32' | 'bf16';

/** A precision as the rows and their native ops are told it. */
export interface PrecisionAttribute {
  /**
   * 0: float32; 1: bfloat16; 2: bfloat16 with the processor's instruction for pairs emulated, for tests of the native op; 3: float32 by chains of floats, see
   * {@link withFloatChains}.
   */
  readonly precision: 0 | 1 | 2 | 3;
}

let current: Precision = 'f32';
/** Whose products are chains of floats: all, or those with some weights. */
let floatChains: 'all' | ReadonlySet<tf.Tensor> = new Set();

/**
 * Runs a function whose linear layers and losses multiply in a precision, in their backward passes too, whenever those come. Not for functions that go on
 * after they have returned: it ends with the call.
 *
 * @example
 * const loss = withPrecision('bf16', () => crossEntropy(projection(hidden, weight), targets));
 */
export function withPrecision<T>(precision: Precision, run: () => T): T {
  const before = current;
  current = precision;
  try {
    return run();
  } finally {
    current = before;
  }
}

/**
 * Runs a function whose float32 products are chains of fused multiply-adds on every processor: they are the same everywhere, and a token that is read
 * alone needs each weight once and as it lies. Matrix units, which are faster with many rows, sum in another order; results differ by what float32 rounds. Not
 * for functions that go on after they have returned.
 *
 * @param weights - of those linear layers alone; default: of all, and of losses.
 */
export function withFloatChains<T>(run: () => T, weights?: readonly tf.Tensor[]): T {
  const before = floatChains;
  floatChains = weights === undefined ? 'all' : new Set(weights);
  try {
    return run();
  } finally {
    floatChains = before;
  }
}

/** Whether products of bfloat16 are instructions of the processor on this engine; elsewhere they give the same numbers, no faster than float32. */
export function hasBfloat16Products({ native }: { readonly native?: { readonly level: string } }): boolean {
  return native?.level.endsWith('bf16') ?? false;
}

/** The precision that holds now. A function that computes again later takes it along. */
export function currentPrecision(): Precision {
  return current;
}

/**
 * The precision that holds now, for a row.
 *
 * @param weight - of a linear layer.
 */
export function precisionAttribute(weight?: tf.Tensor): PrecisionAttribute {
  const chains = floatChains === 'all' || (weight !== undefined && floatChains.has(weight));
  return { precision: current === 'bf16' ? 1 : chains ? 3 : 0 };
}

/** `2²³ + 1` and `1 − 2⁻²⁴`: the leading bit of x is `|q − (1 − 2⁻²⁴) q|` with `q = (2²³ + 1) x` (Rump 2009, "Ultimately fast accurate summation", algorithm 3.6). */
const [SPREAD, BELOW_ONE] = [2 ** 23 + 1, 1 - 2 ** -24];
/** Added to x, so many times the leading bit of x push all bits but the upper 8 out of float32's 24, by rounding to the nearest even one. */
const PUSH = 1.5 * 2 ** 16;
/** Larger numbers are made smaller first, so that `q` is no infinity. */
const LARGE = 2 ** 100;

/** Nearest bfloat16 of numbers below 2¹⁰⁰. */
function nearest(x: tf.Tensor): tf.Tensor {
  const q = tf.mul(x, SPREAD);
  const push = tf.mul(tf.abs(tf.sub(q, tf.mul(q, BELOW_ONE))), PUSH);
  return tf.sub(tf.add(x, push), push);
}

/** The nearest bfloat16 of each number, as float32: no row of the library, for native products round by themselves. */
const nearestBfloat16 = defineKernel({
  name: 'NearestBfloat16',
  reference: ({ x }: { x: tf.Tensor }, _: object): tf.Tensor =>
    tf.tidy(() => {
      const large = tf.greater(tf.abs(x), LARGE);
      const scaled = tf.mul(nearest(tf.div(x, LARGE)), LARGE);
      const rounded = tf.where(large, scaled, nearest(x));
      // An infinity would push itself to no number.
      return tf.where(tf.isInf(x), x, rounded);
    }),
});

/**
 * A factor as a precision counts it. Of two equally near numbers bfloat16 takes the even one; infinities and no-numbers stay, subnormal numbers are rounded
 * to 8 digits of their own, or are zero where TensorFlow rounds.
 */
export function factorOf(x: tf.Tensor, { precision }: PrecisionAttribute): tf.Tensor {
  return precision === 0 || precision === 3 ? x : nearestBfloat16({ x }, {});
}
