import * as tf from '@tensorflow/tfjs-core';
import { byteLength, type Checkpoint, CHUNK_BYTES, DTYPE_BYTES, fromFloat32, readBytes } from './checkpoint.js';
import { gather, gatheredShape, type Positions, rowRanges } from './gather.js';
import { Mask } from './mask.js';
import { disposeEntry, LiveMask, type LiveWeight, type Model } from './model.js';
import type { MaskAxis, MaskWeight } from './edit.js';
import { type Plan, sourceOf } from './plan.js';

/**
 * A checkpoint seen through a plan: nothing is computed until a tensor is read, and then in the memory of that one tensor.
 * Rows and whole layers that stay are byte ranges of the source, handed through in pieces.
 */
export function applyToCheckpoint(checkpoint: Checkpoint, plan: Plan): Checkpoint {
  const sources = new Map([...plan.after.weights.values()].map((weight) => [weight.name, sourceOf(plan, weight)]));
  const tensors = new Map(
    [...sources].map(([name, from]) => [name, { name, shape: plan.after.weight(name).shape, dtype: checkpoint.tensors.get(from.name)!.dtype }]),
  );
  return {
    source: checkpoint.source,
    config: plan.after.config,
    companions: checkpoint.companions,
    tensors,
    close: () => checkpoint.close(),
    async *stream(name, from = 0, to) {
      const source = sources.get(name)!;
      const { dtype } = tensors.get(name)!;
      const end = to ?? byteLength(tensors.get(name)!);
      const values = plan.replacements.get(name);
      const kept = plan.masks.get(name);
      const [rows, ...others] = source.positions;
      if (!values && !kept && others.every((positions) => !positions)) {
        const rowBytes = byteLength(checkpoint.tensors.get(source.name)!) / source.shape[0]!;
        yield* rows ? copyRows(checkpoint, source.name, rows, rowBytes, from, end) : checkpoint.stream(source.name, from, end);
        return;
      }
      const width = DTYPE_BYTES[dtype];
      const bytes = values ? fromFloat32(values, dtype).slice() : gather(await readBytes(checkpoint, source.name), source.shape, source.positions, width);
      kept?.zero(bytes, width);
      for (let start = from; start < end; start += CHUNK_BYTES) yield bytes.subarray(start, Math.min(start + CHUNK_BYTES, end));
    },
  };
}

/** Sets to zero what a mask (bool, the shape of the weight) does not keep. */
export type ZeroDropped = (weight: tf.Variable, kept: tf.Tensor) => void;

/**
 * A plan on a live model: weights, optimiser moments, masks and methods' state are cut together. Weights that are not in memory stay so.
 *
 * @param atHand - tensors that masks of the plan were made from, by the weight's name: they are not unpacked again.
 */
export function applyToModel(
  model: Model,
  plan: Plan,
  { atHand = new Map(), zeroDropped = byNewTensor }: { atHand?: ReadonlyMap<string, tf.Tensor>; zeroDropped?: ZeroDropped } = {},
): void {
  if (plan.keeps.size > 0) cut(model, plan);
  for (const [name, values] of plan.replacements) {
    if (!model.has(name)) continue;
    const entry = model.entry(name);
    entry.value.assign(tf.tidy(() => tf.tensor(values, [...plan.after.weight(name).shape])));
    model.exchange(name, forgetMask(entry));
  }
  for (const [name, kept] of plan.masks) if (model.has(name)) model.exchange(name, freeze(model.entry(name), kept, atHand.get(name), zeroDropped));
}

/** The weights that are in memory, cut as the plan says; what no weight is made of any more is freed. */
function cut(model: Model, plan: Plan): void {
  const weights = new Map<string, LiveWeight>();
  const taken = new Set<LiveWeight>();
  for (const weight of plan.after.weights.values()) {
    const from = sourceOf(plan, weight);
    if (!model.has(from.name)) continue;
    const before = model.entry(from.name);
    taken.add(before);
    weights.set(weight.name, cutEntry(before, from.positions));
  }
  for (const name of model.names) if (!taken.has(model.entry(name))) disposeEntry(model.entry(name));
  const known = new Set(plan.after.axes.entries().map(([key]) => key));
  model.become(plan.after, weights, new Map([...model.latent].filter(([key]) => !plan.keeps.has(key) && known.has(key))));
}

/** Zeroes what a latent mask of one weight hides; the weight is trained on freely. */
export function hideElements(model: Model, { mask, kept }: MaskWeight, zeroDropped: ZeroDropped = byNewTensor): void {
  tf.tidy(() => zeroDropped(model.value(mask), booleans(kept)));
}

/** Zeroes what a latent mask of an axis hides, in every weight that has the axis; norms along it count the rest. */
export function hideIndices(model: Model, { maskAxis, at, indices }: MaskAxis, zeroDropped: ZeroDropped = byNewTensor): void {
  const { axes } = model.blueprint;
  const hit = axes.key(maskAxis, at);
  for (const weight of model.blueprint.weights.values()) {
    if (!model.has(weight.name)) continue;
    const positions = weight.dimensions.map((dimension) =>
      dimension.positions(axes, weight.at, (axis) => (axes.key(axis, weight.at) === hit ? indices : undefined)),
    );
    positions.forEach((kept, dimension) => {
      if (kept) tf.tidy(() => zeroDropped(model.value(weight.name), alongDimension(kept, weight.shape, dimension)));
    });
  }
  model.setLatent(hit, indices.length === axes.size(maskAxis, at) ? undefined : indices);
}

function byNewTensor(weight: tf.Variable, kept: tf.Tensor): void {
  weight.assign(tf.tidy(() => tf.where(kept, weight, tf.zerosLike(weight))));
}

/** The same truths as bool, whatever numbers they were. */
function booleans(tensor: tf.Tensor): tf.Tensor {
  return tensor.dtype === 'bool' ? tf.clone(tensor) : tf.cast(tensor, 'bool');
}

function alongDimension(kept: Int32Array, shape: readonly number[], dimension: number): tf.Tensor {
  const stays = new Uint8Array(shape[dimension]!);
  for (const position of kept) stays[position] = 1;
  const line = tf.tensor(
    stays,
    shape.map((size, i) => (i === dimension ? size : 1)),
    'bool',
  );
  return tf.cast(
    tf.tile(
      tf.cast(line, 'int32'),
      shape.map((size, i) => (i === dimension ? 1 : size)),
    ),
    'bool',
  );
}

function cutEntry(entry: LiveWeight, positions: Positions): LiveWeight {
  if (positions.every((kept) => !kept)) return entry;
  const cut = {
    value: cutVariable(entry.value, positions),
    slots: new Map([...entry.slots].map(([name, slot]) => [name, cutVariable(slot, positions)])),
    ...(entry.mask ? { mask: new LiveMask(cutMask(entry.mask.bits, positions)) } : {}),
  };
  disposeEntry(entry);
  return cut;
}

function cutMask(mask: Mask, positions: Positions): Mask {
  return Mask.from(gatheredShape(mask.shape, positions), gather(mask.unpack(), mask.shape, positions));
}

function cutVariable(variable: tf.Variable, positions: Positions): tf.Variable {
  return tf.tidy(() => tf.variable(gatherTensor(variable, positions), variable.trainable));
}

function gatherTensor(tensor: tf.Tensor, positions: Positions): tf.Tensor {
  return positions.reduce<tf.Tensor>((rest, kept, axis) => (kept ? tf.gather(rest, tf.tensor1d(kept, 'int32'), axis) : rest), tensor);
}

function forgetMask({ value, slots, mask }: LiveWeight): LiveWeight {
  mask?.dispose();
  return { value, slots };
}

/** Adds a mask to what a weight keeps: what its mask so far dropped is zero already. */
function freeze({ value, slots, mask }: LiveWeight, kept: Mask, atHand: tf.Tensor | undefined, zeroDropped: ZeroDropped): LiveWeight {
  tf.tidy(() => {
    const stays = atHand ? booleans(atHand) : tf.tensor(kept.unpack(), [...kept.shape], 'bool');
    for (const variable of [value, ...slots.values()]) zeroDropped(variable, stays);
  });
  mask?.dispose();
  return { value, slots, mask: new LiveMask(mask ? mask.bits.and(kept) : kept) };
}

async function* copyRows(checkpoint: Checkpoint, name: string, rows: Int32Array, rowBytes: number, from: number, to: number): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const [first, end] of rowRanges(rows)) {
    const length = (end - first) * rowBytes;
    const skip = Math.max(0, from - start);
    const stop = Math.min(length, to - start);
    if (skip < stop) yield* checkpoint.stream(name, first * rowBytes + skip, first * rowBytes + stop);
    start += length;
  }
}
