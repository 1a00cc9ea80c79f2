import { byteLength, type Checkpoint, CheckpointError, CHUNK_BYTES, type Config, DTYPE_BYTES, type Dtype, type TensorInfo, transpose } from '@chop/core';
import { checkRange } from './byte-ranges.js';
import type { TensorSource } from './safetensors.js';
import { isJsonObject } from './strict-json.js';

/**
 * Packed 2:4 weights in safetensors. A matrix `NAME` `[out, in]` of which at most two of every four inputs are not zero is stored as two tensors: `NAME`
 * `[out, in / 2]`, its values in the matrix' dtype, and `NAME_indices`, U8 `[out, ceil(in / 8)]`: where in its group each value stands, two bits each, the
 * first lowest. A group with less than two has zeros at its first free inputs, as kernels' `packTwoOfFour` has it; −0 is stored as zero.
 */
const INDICES = '_indices';
/**
 * `quant_method` of config.json. vLLM refuses methods that it does not know; transformers (4.57) only warns of them, and stops at the values' shape: hence
 * they have the weight's own name. Under another one it would begin with random weights.
 */
export const TWO_OF_FOUR = 'chop-2:4';
const SCHEME = 'quantization_config';
/** What a packed matrix is called where tensors are listed. */
const FORM = '2:4';
/** Inputs of a group, and values that stay of it. */
const [GROUP, KEPT] = [4, 2] as const;
/** Indices in a byte. */
const PER_BYTE = 4;

const WORDS = { F16: Uint16Array, BF16: Uint16Array, F32: Uint32Array } as const;
type Packable = keyof typeof WORDS;
const isPackable = (dtype: Dtype): dtype is Packable => Object.hasOwn(WORDS, dtype);

/** The two indices of a group, the first lowest, by which of its four values are not zero; −1 where they are more than two. */
const INDEX_PAIR = Int8Array.from({ length: 1 << GROUP }, (_, there) => {
  const order = [0, 1, 2, 3].sort((a, b) => ((there >> b) & 1) - ((there >> a) & 1) || a - b);
  if ((there >> order[KEPT]!) & 1) return -1;
  const [first, second] = order.slice(0, KEPT).sort((a, b) => a - b) as [number, number];
  return first | (second << 2);
});

/** A matrix is packed by its rows' groups: floats of up to four bytes, in fours. */
export function canBePacked({ shape, dtype }: TensorInfo): boolean {
  return isPackable(dtype) && shape.length === 2 && shape[0]! > 0 && shape[1]! > 0 && shape[1]! % GROUP === 0;
}

/** Where the first group with more than two values is, read no further than there; nothing where there is none. */
export async function crowdedGroup(tensor: TensorSource): Promise<{ readonly row: number; readonly input: number } | undefined> {
  const perRow = tensor.shape[1]! / GROUP;
  let at = 0;
  for await (const groups of groupsOf(tensor)) {
    for (let group = 0; group * GROUP < groups.length; group++, at++)
      if (INDEX_PAIR[thereIn(groups, group)]! < 0) return { row: Math.floor(at / perRow), input: (at % perRow) * GROUP };
  }
  return undefined;
}

/**
 * A 2:4 matrix as the two tensors that it is stored as. Each reads it once more, in pieces.
 *
 * @throws {@link CheckpointError} `CHECKPOINT_PACKED` while they are read, for a matrix that is not 2:4 ({@link crowdedGroup}).
 */
export function packedTwoOfFour(tensor: TensorSource): readonly [values: TensorSource, indices: TensorSource] {
  const { name, dtype } = tensor;
  const [out, inputs] = tensor.shape as [number, number];
  return [
    { name, dtype, shape: [out, inputs / KEPT], pieces: () => valuesOf(tensor) },
    { name: name + INDICES, dtype: 'U8', shape: [out, indexBytes(inputs / KEPT)], pieces: () => indicesOf(tensor) },
  ];
}

/** The matrix as it will be read back: −0 as zero. */
export function afterPacking(tensor: TensorSource): TensorSource {
  return {
    ...tensor,
    async *pieces() {
      for await (const groups of groupsOf(tensor)) {
        const sign = 1 << (8 * groups.BYTES_PER_ELEMENT - 1);
        yield bytesOf(groups.map((word) => (word === sign >>> 0 ? 0 : word)));
      }
    },
  };
}

/** The config of a folder with packed weights. `turned`: the packed matrices are the transposes of those that the family stores. */
export function packedConfig(config: Config, turned: boolean): Config {
  return { ...config, [SCHEME]: { quant_method: TWO_OF_FOUR, ...(turned ? { turned } : {}) } };
}

/**
 * The checkpoint of a folder, its packed matrices as the dense ones that they stand for; what has none is handed through.
 *
 * @throws {@link CheckpointError} `CHECKPOINT_PACKED`
 */
export function densely(stored: Checkpoint): Checkpoint {
  const { [SCHEME]: scheme, ...config } = stored.config;
  if (!isJsonObject(scheme) || scheme['quant_method'] !== TWO_OF_FOUR) return stored;
  const turned = scheme['turned'] === true;
  const packed = new Map<string, Packed>();
  const tensors = new Map<string, TensorInfo>();
  for (const [name, info] of stored.tensors) {
    if (name.endsWith(INDICES)) {
      if (!stored.tensors.has(name.slice(0, -INDICES.length))) throw corrupt(stored.source, `${name} alone`, 'the values that it places');
    } else if (stored.tensors.has(name + INDICES)) {
      const found = packedIn(stored, name);
      packed.set(name, found);
      tensors.set(name, turned ? { ...found.dense, shape: [...found.dense.shape].reverse() } : found.dense);
    } else tensors.set(name, info);
  }
  return {
    source: stored.source,
    config,
    tensors,
    companions: stored.companions,
    stream(name, from, to) {
      const found = packed.get(name);
      if (found === undefined) return stored.stream(name, from, to);
      const [begin, end] = checkRange(name, byteLength(found.dense), from, to);
      return turned ? turnedDense(stored, found, begin, end) : denseOf(stored, found, begin, end);
    },
    close: () => stored.close(),
  };
}

interface Packed {
  /** What the two tensors stand for, under the name of its values. */
  readonly dense: TensorInfo;
  readonly indices: string;
}

function packedIn({ tensors, source }: Checkpoint, name: string): Packed {
  const [values, indices] = [tensors.get(name)!, tensors.get(name + INDICES)!];
  const [rows, count] = values.shape as [number, number];
  const hasValues = isPackable(values.dtype) && values.shape.length === 2 && rows > 0 && count > 0 && count % KEPT === 0;
  const [high, wide, ...more] = indices.shape;
  if (!hasValues || indices.dtype !== 'U8' || high !== rows || wide !== indexBytes(count) || more.length > 0)
    throw corrupt(
      source,
      `${name} as ${values.dtype} [${values.shape.join(', ')}] with indices ${indices.dtype} [${indices.shape.join(', ')}]`,
      'floats [out, in / 2] and indices U8 [out, ceil(in / 8)]',
    );
  const stored = { form: FORM, bytes: byteLength(values) + byteLength(indices) };
  return { dense: { name, dtype: values.dtype, shape: [rows, count * KEPT], stored }, indices: indices.name };
}

/** Bytes `[from, to)` of the dense matrix, whole rows at a time. */
async function* denseOf(stored: Checkpoint, { dense, indices }: Packed, from: number, to: number): AsyncGenerator<Uint8Array> {
  const [, inputs] = dense.shape as [number, number];
  const Words = WORDS[dense.dtype as Packable];
  const rowBytes = inputs * DTYPE_BYTES[dense.dtype];
  const perRow = indexBytes(inputs / KEPT);
  const most = Math.max(1, Math.floor(CHUNK_BYTES / rowBytes));
  const last = Math.ceil(to / rowBytes);
  for (let row = Math.floor(from / rowBytes); row < last; row += most) {
    const rows = Math.min(most, last - row);
    const kept = new Words((await bytesIn(stored, dense.name, (row * rowBytes) / KEPT, (rows * rowBytes) / KEPT)).buffer);
    const places = await bytesIn(stored, indices, row * perRow, rows * perRow);
    const words = new Words(rows * inputs);
    for (let group = 0, at = 0; at < words.length; group++, at += GROUP) {
      const inRow = group % (inputs / GROUP);
      const pair = places[Math.floor(group / (inputs / GROUP)) * perRow + (inRow >> 1)]! >> (inRow % 2 === 0 ? 0 : 4);
      const [first, second] = [pair & 3, (pair >> 2) & 3];
      if (first >= second)
        throw corrupt(stored.source, `indices ${first} and ${second} in row ${row + Math.floor(at / inputs)} of ${indices}`, 'rising ones in every group');
      words[at + first] = kept[group * KEPT]!;
      words[at + second] = kept[group * KEPT + 1]!;
    }
    yield* cut(bytesOf(words), Math.max(0, from - row * rowBytes), to - row * rowBytes);
  }
}

/** The same of the transpose, which is whole in memory. */
async function* turnedDense(stored: Checkpoint, packed: Packed, from: number, to: number): AsyncGenerator<Uint8Array> {
  const whole = byteLength(packed.dense);
  const bytes = new Uint8Array(whole);
  await fill(bytes, denseOf(stored, packed, 0, whole));
  yield* cut(transpose(bytes, packed.dense), from, to);
}

function* cut(bytes: Uint8Array, from: number, to: number): Generator<Uint8Array> {
  const end = Math.min(to, bytes.byteLength);
  for (let start = from; start < end; start += CHUNK_BYTES) yield bytes.subarray(start, Math.min(start + CHUNK_BYTES, end));
}

async function bytesIn(stored: Checkpoint, name: string, from: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  await fill(bytes, stored.stream(name, from, from + length));
  return bytes;
}

async function fill(bytes: Uint8Array, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  let at = 0;
  for await (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
}

async function* valuesOf(tensor: TensorSource): AsyncGenerator<Uint8Array> {
  for await (const groups of groupsOf(tensor)) {
    const kept = new WORDS[tensor.dtype as Packable](groups.length / KEPT);
    for (let group = 0; group * GROUP < groups.length; group++) {
      const pair = pairIn(groups, group, tensor);
      kept[group * KEPT] = unsigned(groups, group * GROUP + (pair & 3));
      kept[group * KEPT + 1] = unsigned(groups, group * GROUP + (pair >> 2));
    }
    yield bytesOf(kept);
  }
}

async function* indicesOf(tensor: TensorSource): AsyncGenerator<Uint8Array> {
  const perRow = tensor.shape[1]! / GROUP;
  let inRow = 0;
  let open = 0;
  for await (const groups of groupsOf(tensor)) {
    const bytes: number[] = [];
    for (let group = 0; group * GROUP < groups.length; group++, inRow = (inRow + 1) % perRow) {
      const pair = pairIn(groups, group, tensor);
      const isSecond = inRow % 2 === 1;
      open = isSecond ? open | (pair << 4) : pair;
      if (isSecond || inRow === perRow - 1) bytes.push(open);
    }
    yield Uint8Array.from(bytes);
  }
}

/** A tensor's words in whole groups, however its bytes come. */
async function* groupsOf({ dtype, pieces }: TensorSource): AsyncGenerator<Uint16Array | Uint32Array> {
  const Words = WORDS[dtype as Packable];
  const groupBytes = GROUP * Words.BYTES_PER_ELEMENT;
  let rest = new Uint8Array();
  for await (const piece of pieces()) {
    const bytes = new Uint8Array(rest.byteLength + piece.byteLength);
    bytes.set(rest);
    bytes.set(piece, rest.byteLength);
    const whole = bytes.byteLength - (bytes.byteLength % groupBytes);
    if (whole > 0) yield new Words(bytes.buffer, 0, whole / Words.BYTES_PER_ELEMENT);
    rest = bytes.slice(whole);
  }
}

/** The word, −0 as zero. */
function unsigned(words: Uint16Array | Uint32Array, at: number): number {
  return isThere(words, at) ? words[at]! : 0;
}

function isThere(words: Uint16Array | Uint32Array, at: number): number {
  return words.BYTES_PER_ELEMENT === 2 ? +((words[at]! & 0x7fff) !== 0) : +((words[at]! & 0x7fffffff) !== 0);
}

/** Which values of a group are not zero, a bit each. */
function thereIn(words: Uint16Array | Uint32Array, group: number): number {
  const at = group * GROUP;
  return isThere(words, at) | (isThere(words, at + 1) << 1) | (isThere(words, at + 2) << 2) | (isThere(words, at + 3) << 3);
}

function pairIn(words: Uint16Array | Uint32Array, group: number, { name }: TensorSource): number {
  const pair = INDEX_PAIR[thereIn(words, group)]!;
  if (pair < 0) throw corrupt(name, `a group of four in ${name} with more than two values`, 'at most two');
  return pair;
}

const indexBytes = (values: number): number => Math.ceil(values / PER_BYTE);

const bytesOf = ({ buffer, byteOffset, byteLength: length }: Uint16Array | Uint32Array): Uint8Array => new Uint8Array(buffer, byteOffset, length);

function corrupt(file: string, found: string, expected: string): CheckpointError {
  return new CheckpointError('CHECKPOINT_PACKED', { file, found, expected, remedy: 'Export the model again: chop export MODEL --format packed.' });
}
