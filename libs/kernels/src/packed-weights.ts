import * as tf from '@tensorflow/tfjs-core';

import { gradientsWanted } from './kernel.js';
import { packedLinearKernel } from './packed-linear.js';
import { currentPrecision, precisionAttribute, type PrecisionAttribute } from './precision.js';
import { tryTwoOfFour, type TwoOfFour } from './two-of-four.js';

/** The packed twin of a weight, and the memory that it was made from. */
interface Twin {
  readonly memory: object;
  readonly packed: TwoOfFour;
}

const twins = new WeakMap<tf.Tensor, Twin>();

/**
 * Runs what only reads some weights, with a packed twin beside each of them that is 2:4: until it ends, {@link linear} multiplies by the twins, to the
 * same bits, wherever no gradient is asked for. Where the native kernel is absent it just runs. Costs 53 % of the bytes of those weights.
 *
 * @param run - may replace a weight's memory (its twin is not used then), and may ask for gradients of it (its twin is forgotten, for an optimiser
 *   will write into the weight's memory); nothing else may write into a weight in place.
 */
export function withPackedWeights<T>(weights: Iterable<tf.Tensor>, run: () => T): T {
  const release = packWeights(weights);
  try {
    return run();
  } finally {
    release();
  }
}

/** Whether weights are worth packing for one pass of many rows on this engine: with AVX2. With AVX-512 such a product is as fast dense, and packing comes on top. A few rows are faster packed on every processor. */
export function packedServesManyRows({ native }: { readonly native?: { readonly level: string } }): boolean {
  return native !== undefined && !native.level.startsWith('x86-64-v4');
}

/** {@link withPackedWeights} for what ends elsewhere: makes the twins, and returns what frees them. */
export function packWeights(weights: Iterable<tf.Tensor>): () => void {
  const packed = [...makeTwins(weights)];
  return () => packed.forEach(forget);
}

/**
 * Holds those of a model's linear weights that are 2:4 packed, and frees their dense values: for a model that is run, and neither trained nor looked into,
 * any more. 53 % of their bytes, and products that are faster, to the same bits. Does nothing where the native kernel is absent.
 *
 * @returns frees what is packed. The model can only be dropped then.
 */
export function holdPacked(weights: Iterable<tf.Tensor>): () => void {
  const packed: tf.Tensor[] = [];
  for (const weight of makeTwins(weights)) {
    weight.dispose();
    packed.push(weight);
  }
  return () => packed.forEach(forget);
}

/** Makes the twins one after the other, and yields each weight that has one now. */
function* makeTwins(weights: Iterable<tf.Tensor>): Generator<tf.Tensor> {
  if (tf.getKernel(`Chop${packedLinearKernel.name}`, tf.getBackend()) === undefined) return;
  for (const weight of weights) if (weight.rank === 2 && weight.shape[1]! > 0 && weight.shape[1]! % 4 === 0 && makeTwin(weight)) yield weight;
}

/** The packed form of a weight's present values, if there is one and no gradient is asked for. */
export function packedTwin(weight: tf.Tensor): TwoOfFour | undefined {
  const twin = twins.get(weight);
  if (twin === undefined) return undefined;
  if (gradientsWanted()) forget(weight);
  else if (twin.memory === weight.dataId) return twin.packed;
  return undefined;
}

/** The precision in which one op without a gradient may multiply several weights; undefined where each has to go its own way. */
export function precisionTogether(weights: readonly tf.Tensor[]): PrecisionAttribute | undefined {
  return weights.some((weight) => packedTwin(weight) !== undefined) ? undefined : samePrecision(weights);
}

/** The packed forms of several weights, and the precision, where one op may multiply by all of them. */
export function twinsTogether(weights: readonly tf.Tensor[]): { readonly twins: readonly TwoOfFour[]; readonly precision: PrecisionAttribute } | undefined {
  const twins = weights.map(packedTwin).filter((twin) => twin !== undefined);
  const precision = samePrecision(weights);
  return twins.length < weights.length || precision === undefined || currentPrecision() !== 'f32' ? undefined : { twins, precision };
}

/** The precision of all products with some weights, where no gradient is asked for. */
function samePrecision(weights: readonly tf.Tensor[]): PrecisionAttribute | undefined {
  const [first, ...others] = weights.map((weight) => precisionAttribute(weight));
  return gradientsWanted() || others.some(({ precision }) => precision !== first!.precision) ? undefined : first;
}

function makeTwin(weight: tf.Tensor): boolean {
  const packed = tryTwoOfFour(weight);
  if ('crowded' in packed) return false;
  forget(weight);
  twins.set(weight, { memory: weight.dataId, packed: { values: tf.keep(packed.values), positions: tf.keep(packed.positions) } });
  return true;
}

function forget(weight: tf.Tensor): void {
  const twin = twins.get(weight);
  twins.delete(weight);
  if (twin) tf.dispose([twin.packed.values, twin.packed.positions]);
}
