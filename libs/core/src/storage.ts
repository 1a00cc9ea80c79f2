import type { Blueprint } from './blueprint.js';
import { type Checkpoint, CHUNK_BYTES, DTYPE_BYTES, readBytes, type TensorInfo } from './checkpoint.js';
import type { Family } from './family.js';

/**
 * A stored checkpoint as its family's table has it: matrices that are stored `[in, out]` (a row whose name ends in `ᵀ`) as `[out, in]`, and names with the
 * family's beginning where the file leaves it out. Nothing is read before a tensor is asked for.
 */
export function fromStorage(family: Family, checkpoint: Checkpoint): Checkpoint {
  const blueprint = family.blueprint(checkpoint.config);
  return turnMatrices(blueprint, completeNames(family.base, blueprint, checkpoint));
}

/**
 * The checkpoint with those matrices turned that are stored `[in, out]`: from the form in which they are stored into that of the table, and from that
 * of the table into the one in which they are stored.
 */
export function turnMatrices(blueprint: Blueprint, checkpoint: Checkpoint): Checkpoint {
  const turned = (name: string): boolean => blueprint.weights.get(name)?.turned === true && checkpoint.tensors.get(name)?.shape.length === 2;
  if (![...checkpoint.tensors.keys()].some(turned)) return checkpoint;
  const tensors = new Map(
    [...checkpoint.tensors.values()].map((info) => [info.name, turned(info.name) ? { ...info, shape: [...info.shape].reverse() } : info] as const),
  );
  return {
    ...parts(checkpoint),
    tensors,
    async *stream(name, from = 0, to) {
      if (!turned(name)) return yield* checkpoint.stream(name, from, to);
      const bytes = transpose(await readBytes(checkpoint, name), checkpoint.tensors.get(name)!);
      const end = to ?? bytes.byteLength;
      for (let start = from; start < end; start += CHUNK_BYTES) yield bytes.subarray(start, Math.min(start + CHUNK_BYTES, end));
    },
  };
}

/** Names as the table has them: a file that was saved from the model without its head leaves out the beginning that they share. */
function completeNames(base: string | undefined, blueprint: Blueprint, checkpoint: Checkpoint): Checkpoint {
  if (base === undefined || [...checkpoint.tensors.keys()].some((name) => name.startsWith(base))) return checkpoint;
  const stored = new Map([...checkpoint.tensors.keys()].map((name) => [blueprint.weights.has(base + name) ? base + name : name, name]));
  const tensors = new Map([...stored].map(([name, from]): [string, TensorInfo] => [name, { ...checkpoint.tensors.get(from)!, name }]));
  return { ...parts(checkpoint), tensors, stream: (name, from, to) => checkpoint.stream(stored.get(name)!, from, to) };
}

function parts(checkpoint: Checkpoint): Pick<Checkpoint, 'source' | 'config' | 'companions' | 'close'> {
  const { source, config, companions } = checkpoint;
  return { source, config, companions, close: () => checkpoint.close() };
}

/** An array of elements of so many bytes, whatever they mean. */
const ELEMENTS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array } as const;

/** The bytes of a matrix, its columns as rows. */
export function transpose(bytes: Uint8Array, { shape, dtype }: Pick<TensorInfo, 'shape' | 'dtype'>): Uint8Array {
  const [rows, columns] = shape as [number, number];
  const Elements = ELEMENTS[DTYPE_BYTES[dtype]];
  const from = new Elements(bytes.slice().buffer);
  const to = new Elements(from.length);
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) to[column * rows + row] = from[row * columns + column]!;
  return new Uint8Array(to.buffer);
}
