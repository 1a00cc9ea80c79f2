import { CheckpointError } from '@chop/core';
import { GGML_TYPES, type GgmlType, OTHER_GGML_TYPES } from './gguf-blocks.js';
import { checkTensorName } from './names.js';

const MAGIC = 0x46554747;
const VERSIONS = [2, 3];
/** Models have 20 to 60 keys. */
const MAX_KEYS = 65_536;
/** The largest mixtures of experts have a few thousand tensors. */
const MAX_TENSORS = 131_072;
/** What the format's description allows a key. */
const MAX_KEY_BYTES = 65_535;
/** The longest texts are chat templates of some ten kilobytes. */
const MAX_STRING_BYTES = 16 << 20;
/** The largest vocabularies have 262144 tokens and half a million merges. */
const MAX_ARRAY_ELEMENTS = 8 << 20;
/** The format nests lists freely; nobody writes more than a list of lists. */
const MAX_ARRAY_DEPTH = 4;
/** GGML_MAX_DIMS. */
const MAX_DIMENSIONS = 4;
const DEFAULT_ALIGNMENT = 32;
/** A page of the largest page size: more alignment has no use. */
const MAX_ALIGNMENT = 65_536;

/** A value of a GGUF file's metadata; integers beyond 2⁵³ are text. */
export type GgufValue = number | string | boolean | GgufValue[];

export interface GgufTensor {
  readonly name: string;
  /** Row-major: the file's order reversed, `[out, in]` for a matrix. */
  readonly shape: readonly number[];
  readonly type: GgmlType;
  /** Where its blocks lie in the file. */
  readonly from: number;
  readonly to: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** In the order of their data. */
  readonly tensors: readonly GgufTensor[];
}

/**
 * Parses the header of a GGUF file (versions 2 and 3, little-endian) and checks every count, length and offset against
 * the file's size before anything is allocated for it.
 *
 * @param bytes - the file's first bytes.
 * @param fileSize - its size in bytes.
 * @returns undefined when `bytes` end inside the header: call again with more of them.
 * @throws {@link CheckpointError} `CHECKPOINT_HEADER`, `CHECKPOINT_TRUNCATED`, `CHECKPOINT_DTYPE`, `CHECKPOINT_SHAPE`, `CHECKPOINT_OVERLAP`, `CHECKPOINT_NAME`
 */
export function parseGgufHeader(bytes: Uint8Array, fileSize: number, file: string): GgufHeader | undefined {
  try {
    return parse(new Reader(bytes, fileSize, file));
  } catch (error) {
    if (error instanceof MoreBytesNeeded) return undefined;
    throw error;
  }
}

/** The bytes at hand end inside the header. */
class MoreBytesNeeded extends Error {}

function parse(reader: Reader): GgufHeader {
  const { file } = reader;
  if (reader.u32() !== MAGIC) throw reader.wrong('other first bytes', 'GGUF', 'It is no GGUF file.');
  const version = reader.u32();
  if (!VERSIONS.includes(version))
    throw reader.wrong(
      version > 0xffff ? 'a big-endian file' : `version ${version}`,
      'version 2 or 3, little-endian',
      'Convert the model anew with a current llama.cpp.',
    );
  const tensorCount = reader.count('tensors', MAX_TENSORS);
  const keyCount = reader.count('keys', MAX_KEYS);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < keyCount; i++) {
    const key = reader.string(MAX_KEY_BYTES, `key ${i}`);
    if (metadata.has(key)) throw reader.wrong(`the key ${JSON.stringify(key)} twice`, 'every key once');
    metadata.set(key, reader.value(reader.u32(), key));
  }
  const alignment = checkAlignment(metadata.get('general.alignment'), reader);
  const described = Array.from({ length: tensorCount }, () => tensor(reader));
  const dataStart = Math.ceil(reader.at / alignment) * alignment;
  const tensors = described.map(({ offset, size, ...rest }) => {
    if (offset % alignment !== 0) throw reader.wrong(`${rest.name} at offset ${offset}`, `a multiple of the alignment ${alignment}`);
    return { ...rest, from: dataStart + offset, to: dataStart + offset + size };
  });
  tensors.sort((a, b) => a.from - b.from);
  checkPlaces(tensors, reader.fileSize, file);
  return { version, metadata, tensors };
}

function tensor(reader: Reader): Omit<GgufTensor, 'from' | 'to'> & { offset: number; size: number } {
  const name = reader.string(MAX_KEY_BYTES, 'a tensor name');
  checkTensorName(name, reader.file);
  const dimensions = reader.u32();
  if (dimensions > MAX_DIMENSIONS) throw reader.wrong(`${dimensions} dimensions of ${name}`, `at most ${MAX_DIMENSIONS}`);
  const sizes = Array.from({ length: dimensions }, () => reader.u64(`a size of ${name}`));
  const number = reader.u32();
  const type = GGML_TYPES.get(number);
  if (!type) {
    throw new CheckpointError('CHECKPOINT_DTYPE', {
      file: reader.file,
      found: `${name} stored as ${OTHER_GGML_TYPES.get(number) ?? `ggml type ${number}`}`,
      expected: [...GGML_TYPES.values()].map((known) => known.name).join(', '),
      remedy: 'Use a file of the same model with one of these types, such as Q8_0 or F16.',
    });
  }
  const elements = sizes.reduce((product, size) => product * size, 1);
  const size = (elements / type.blockElements) * type.blockBytes;
  if (elements === 0 || !Number.isSafeInteger(elements) || (sizes[0] ?? 1) % type.blockElements !== 0 || size > reader.fileSize) {
    throw new CheckpointError('CHECKPOINT_SHAPE', {
      file: reader.file,
      found: `${name} of [${sizes.join(', ')}] ${type.name}`,
      expected: `sizes from 1 on, rows of whole blocks of ${type.blockElements}, and no more bytes than the file's ${reader.fileSize}`,
      remedy: 'The header is corrupt, or the file cut short: download it again.',
    });
  }
  return { name, shape: sizes.reverse(), type, offset: reader.u64(`the offset of ${name}`), size };
}

function checkPlaces(tensors: readonly GgufTensor[], fileSize: number, file: string): void {
  const names = new Set<string>();
  let previous: GgufTensor | undefined;
  for (const tensor of tensors) {
    if (names.has(tensor.name))
      throw new CheckpointError('CHECKPOINT_HEADER', { file, found: `two tensors named ${tensor.name}`, expected: 'every name once' });
    names.add(tensor.name);
    if (tensor.to > fileSize)
      throw new CheckpointError('CHECKPOINT_TRUNCATED', {
        file,
        found: `${fileSize} bytes`,
        expected: `${tensor.to} bytes (tensor ${tensor.name} ends there)`,
        remedy: 'Download the file again: it is cut short, or its header lies.',
      });
    if (previous && tensor.from < previous.to)
      throw new CheckpointError('CHECKPOINT_OVERLAP', {
        file,
        found: `${tensor.name} starting at byte ${tensor.from}`,
        expected: `byte ${previous.to} or later, where ${previous.name} ends`,
        remedy: 'Two tensors share bytes: the header is corrupt.',
      });
    previous = tensor;
  }
}

function checkAlignment(value: GgufValue | undefined, reader: Reader): number {
  if (value === undefined) return DEFAULT_ALIGNMENT;
  if (typeof value === 'number' && Number.isInteger(Math.log2(value)) && value >= 8 && value <= MAX_ALIGNMENT) return value;
  throw reader.wrong(`general.alignment ${JSON.stringify(value)}`, `a power of two from 8 to ${MAX_ALIGNMENT}`);
}

/** Reads little-endian values one after another; what the file cannot hold is refused before it is looked for. */
class Reader {
  at = 0;
  readonly fileSize: number;
  readonly file: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(bytes: Uint8Array, fileSize: number, file: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.fileSize = fileSize;
    this.file = file;
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** A 64-bit size or offset: never more than the file has bytes, unless it lies. */
  u64(what: string): number {
    const value = this.#view.getBigUint64(this.#take(8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.wrong(`${value} as ${what}`, 'a size that a file can have');
    return Number(value);
  }

  count(what: string, limit: number): number {
    const value = this.u64(`the number of ${what}`);
    if (value > limit) throw this.wrong(`${value} ${what}`, `at most ${limit}`);
    return value;
  }

  string(limit: number, what: string): string {
    const length = this.u64(`the length of ${what}`);
    if (length > limit) throw this.wrong(`a text of ${length} bytes for ${what}`, `at most ${limit}`);
    const from = this.#take(length);
    try {
      return this.#decoder.decode(this.#bytes.subarray(from, from + length));
    } catch (cause) {
      throw this.wrong(`bytes that are not UTF-8 in ${what}`, 'UTF-8', undefined, cause);
    }
  }

  /** One value of a metadata type (gguf.h, `enum gguf_type`); 64-bit integers beyond 2⁵³ become decimal text. */
  value(type: number, key: string, depth = 0): GgufValue {
    const view = this.#view;
    switch (type) {
      case 0:
        return view.getUint8(this.#take(1));
      case 1:
        return view.getInt8(this.#take(1));
      case 2:
        return view.getUint16(this.#take(2), true);
      case 3:
        return view.getInt16(this.#take(2), true);
      case 4:
        return this.u32();
      case 5:
        return view.getInt32(this.#take(4), true);
      case 6:
        return view.getFloat32(this.#take(4), true);
      case 7:
        return this.#bool(key);
      case 8:
        return this.string(MAX_STRING_BYTES, key);
      case 9:
        return this.#array(key, depth);
      case 10:
        return whole(view.getBigUint64(this.#take(8), true));
      case 11:
        return whole(view.getBigInt64(this.#take(8), true));
      case 12:
        return view.getFloat64(this.#take(8), true);
      default:
        throw this.wrong(`the value type ${type} for ${JSON.stringify(key.slice(0, 80))}`, '0 to 12');
    }
  }

  wrong(found: string, expected: string, remedy = 'The header is corrupt: download the file again.', cause?: unknown): CheckpointError {
    return new CheckpointError('CHECKPOINT_HEADER', { file: this.file, found, expected, remedy, ...(cause === undefined ? {} : { cause }) });
  }

  #array(key: string, depth: number): GgufValue[] {
    if (depth >= MAX_ARRAY_DEPTH) throw this.wrong(`lists nested more than ${MAX_ARRAY_DEPTH} deep in ${key}`, 'fewer');
    const type = this.u32();
    const length = this.count(`elements of ${key}`, MAX_ARRAY_ELEMENTS);
    // Every element takes a byte at least: a count that the rest of the file cannot hold is a lie.
    if (this.at + length > this.fileSize) throw this.#cut(this.at + length);
    const values: GgufValue[] = [];
    for (let i = 0; i < length; i++) values.push(this.value(type, key, depth + 1));
    return values;
  }

  #bool(key: string): boolean {
    const byte = this.#view.getUint8(this.#take(1));
    if (byte > 1) throw this.wrong(`the byte ${byte} as ${key}`, '0 or 1');
    return byte === 1;
  }

  /** Where the next `length` bytes begin. */
  #take(length: number): number {
    const from = this.at;
    if (from + length > this.fileSize) throw this.#cut(from + length);
    if (from + length > this.#bytes.byteLength) throw new MoreBytesNeeded();
    this.at += length;
    return from;
  }

  #cut(end: number): CheckpointError {
    return new CheckpointError('CHECKPOINT_TRUNCATED', {
      file: this.file,
      found: `${this.fileSize} bytes`,
      expected: `${end} bytes (the header goes on there)`,
      remedy: 'Download the file again: it is cut short, or its header lies.',
    });
  }
}

function whole(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
