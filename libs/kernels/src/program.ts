import * as tf from '@tensorflow/tfjs-core';
import { type Addon, type NativeOp, orderedInputs } from './engine/addon.js';
import { hearCalls, type KernelCall } from './kernel.js';

/** What changes from one run of a step to the next, in an order that stays the same. */
export interface Feeds {
  /** int32. */
  readonly ints: readonly tf.Tensor[];
  /** float32. */
  readonly floats: readonly tf.Tensor[];
}

/** A step that was recorded: the ops that it called, replayed in one call. */
export interface Program {
  /**
   * The step's result for other feeds of the same shapes.
   *
   * @param ints - the numbers of all `ints` of the feeds, one after the other.
   * @returns undefined where something that it reads or writes has got other memory since: then it has to be recorded again.
   */
  run(ints: ArrayLike<number>, floats: readonly tf.Tensor[]): tf.Tensor | undefined;
  dispose(): void;
}

/** Where a value lies, in the words of `native/program.h`. */
const [GIVEN, INTS, MADE, RESULT, STANDING, WORDS] = [0, 1, 2, 3, 4, 5] as const;
/** Floats between the beginnings of two values: a cache line. */
const ALIGNMENT = 16;

const addons = new WeakMap<object, Addon>();

/** Tells that programs can be recorded on a backend. */
export function providePrograms(backend: object, addon: Addon): void {
  addons.set(backend, addon);
}

/**
 * Runs a step, and records it where the engine is native and all that the step computes are kernel rows over variables, kept tensors, feeds and what they made of them.
 *
 * @param feeds - asked for after the step.
 */
export function recordProgram(step: () => tf.Tensor, feeds: () => Feeds): { readonly value: tf.Tensor; readonly program: Program | undefined } {
  const addon = addons.get(tf.backend());
  if (addon === undefined) return { value: step(), program: undefined };
  const { value, calls } = hearCalls(step);
  const code = encode(addon, calls, feeds(), value);
  return { value, program: code && programOf(addon, code, value.shape) };
}

interface Code {
  readonly ops: readonly string[];
  readonly numbers: readonly number[];
  /** What stays where it is from run to run: weights, caches, and what is kept beside them. */
  readonly standing: { readonly floats: readonly tf.Tensor[]; readonly words: readonly tf.Tensor[] };
}

function programOf(addon: Addon, { ops, numbers, standing }: Code, shape: number[]): Program {
  const number = addon.defineProgram(ops, Float64Array.from(numbers));
  const named = (name: string, tensors: readonly tf.Tensor[]): tf.NamedTensorMap => Object.fromEntries(tensors.map((tensor, i) => [`${name}${i}`, tensor]));
  const call = (op: string, ints: number[], tensors: tf.NamedTensorMap, attributes = {}): unknown =>
    tf.engine().runKernel(op, { ints: tf.tensor1d(ints, 'int32'), ...tensors }, attributes);
  // Handing several hundred tensors over costs a token about as much as all its ops but the products: the native side is told once where they lie.
  const { floats, words } = standing;
  tf.tidy(() => void call('ChopStand', [number], { ...named('standing', floats), ...named('words', words) }, { floats: floats.length }));
  const places = [...floats, ...words].map((tensor) => ({ tensor, memory: tensor.dataId }));
  return {
    run(ints, given) {
      // Memory that was freed is known here only: nothing may come between this and the call.
      if (places.some(({ tensor, memory }) => tensor.isDisposed || tensor.dataId !== memory)) return undefined;
      return tf.tidy(() => {
        const result = call('ChopReplay', [number, ...Array.from(ints)], named('given', given)) as tf.Tensor;
        return result.shape.join() === shape.join() ? result : tf.reshape(result, shape);
      });
    },
    dispose: () => addon.forgetProgram(number),
  };
}

/** The calls as `native/program.h` reads them; undefined where one reads what nobody gave or made. */
function encode({ ops }: Addon, calls: readonly KernelCall[], feeds: Feeds, result: tf.Tensor): Code | undefined {
  const byName = new Map<string, { op: NativeOp; index: number }>(ops.map((op, index) => [op.name, { op, index }]));
  const numbers: number[] = [];
  const standing = { floats: [] as tf.Tensor[], words: [] as tf.Tensor[] };
  /** The place of a value, by its memory. */
  const places = new Map<object, readonly [number, number]>();
  let [ints, floats] = [1, 0]; // the first whole number is the program's own

  const placeOf = (tensor: tf.Tensor): readonly [number, number] | undefined => {
    const known = places.get(tensor.dataId);
    if (known !== undefined || !(tensor instanceof tf.Variable || tensor.kept)) return known;
    if (tensor.dtype === 'float32') places.set(tensor.dataId, [STANDING, standing.floats.push(tensor) - 1]);
    if (tensor.dtype === 'int32') places.set(tensor.dataId, [WORDS, standing.words.push(tensor) - 1]);
    return places.get(tensor.dataId);
  };
  const last = viewed(calls, result);
  const makePlace = ({ dataId, size }: tf.Tensor): readonly [number, number] => {
    const place = dataId === last ? ([RESULT, 0] as const) : ([MADE, floats] as const);
    if (place[0] === MADE) floats += Math.ceil(size / ALIGNMENT) * ALIGNMENT;
    places.set(dataId, place);
    return place;
  };

  feeds.floats.forEach(({ dataId }, i) => places.set(dataId, [GIVEN, i]));
  for (const { dataId, size } of feeds.ints) {
    places.set(dataId, [INTS, ints]);
    ints += size;
  }
  for (const { kernel, inputs, attributes, results } of calls) {
    const given = Object.fromEntries(Object.entries(inputs).filter((entry): entry is [string, tf.Tensor] => entry[1] !== undefined));
    if (kernel.view !== undefined) {
      const place = placeOf(given[kernel.view]!);
      if (place === undefined) return undefined;
      places.set(results[0]!.dataId, place);
      continue;
    }
    const sibling = byName.get(`Chop${kernel.name}`);
    const ordered = sibling && orderedInputs(sibling.op, given).given;
    const from = ordered?.map(placeOf);
    if (!sibling || !ordered || !from?.every((place) => place !== undefined && place[0] !== RESULT)) return undefined;
    const told = (tensor: tf.Tensor, place: readonly [number, number]): number[] => [...place, tensor.rank, ...tensor.shape];
    numbers.push(sibling.index, ...sibling.op.attributes.map((name) => (attributes as Record<string, number>)[name]!));
    numbers.push(ordered.length, ...ordered.flatMap((tensor, i) => told(tensor, from[i]!)));
    numbers.push(results.length, ...results.flatMap((tensor) => told(tensor, makePlace(tensor))));
  }
  return places.get(result.dataId)?.[0] === RESULT ? { ops: ops.map(({ name }) => name), numbers, standing } : undefined;
}

/** The memory that a tensor is a view of, or its own. */
function viewed(calls: readonly KernelCall[], { dataId }: tf.Tensor): object {
  return calls.reduceRight<object>((memory, { kernel, inputs, results }) => {
    return kernel.view !== undefined && results[0]!.dataId === memory ? inputs[kernel.view]!.dataId : memory;
  }, dataId);
}
