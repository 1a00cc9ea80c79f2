import { elementCount, OutputError } from '@chop/core';
import { atomicStream, type Check } from './atomic.js';
import { GGML_TYPES } from './gguf-blocks.js';
import type { QUANTISERS } from './gguf-quantise.js';
import type { WriteOptions } from './write-stream.js';

/** A value of a file's metadata with the type that it is stored as (gguf.h, `enum gguf_type`). */
export type GgufTyped =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly i32s: readonly number[] }
  | { readonly f32s: readonly number[] }
  | { readonly texts: readonly string[] };

/** The stored types that are written, by ggml's name. */
export type GgmlTypeName = 'F32' | 'F16' | 'BF16' | keyof typeof QUANTISERS;

/** A tensor to be written. */
export interface GgufSource {
  readonly name: string;
  /** Row-major, `[out, in]`; rows of whole blocks. */
  readonly shape: readonly number[];
  readonly type: GgmlTypeName;
  /** Its bytes in that type. */
  readonly pieces: () => AsyncIterable<Uint8Array>;
}

const MAGIC = 0x46554747;
const VERSION = 3;
const ALIGNMENT = 32;
const TYPE = { u32: 4, i32: 5, f32: 6, bool: 7, text: 8, list: 9 } as const;

/** Numbers of the types (ggml.h, `enum ggml_type`), elements and bytes of a block. */
const STORED: ReadonlyMap<string, { readonly number: number; readonly blockElements: number; readonly blockBytes: number }> = new Map(
  [...GGML_TYPES].map(([number, type]) => [type.name, { number, ...type }]),
);

/** Elements of a block of a type: rows are whole numbers of them. */
export const blockElements = (type: GgmlTypeName): number => STORED.get(type)!.blockElements;

/** Bytes of a tensor in the file, filling left out. */
export function ggufBytes({ shape, type }: Pick<GgufSource, 'shape' | 'type'>): number {
  return (elementCount(shape) / STORED.get(type)!.blockElements) * STORED.get(type)!.blockBytes;
}

/**
 * Writes a GGUF file (version 3, little-endian): as a whole or not at all, one piece of a tensor in memory at a time.
 *
 * @throws {@link OutputError} what {@link atomicStream} throws, `OUTPUT_SIZE` when a tensor gives other bytes than its shape and type say.
 */
export async function writeGguf(
  path: string,
  { metadata, tensors }: { readonly metadata: ReadonlyMap<string, GgufTyped>; readonly tensors: readonly GgufSource[] },
  options: WriteOptions & { readonly check?: Check | undefined } = {},
): Promise<void> {
  await atomicStream(path, options, async (write) => {
    const header = encodeHeader(metadata, tensors);
    await write(header);
    await write(new Uint8Array(filling(header.byteLength)));
    for (const tensor of tensors) {
      let bytes = 0;
      for await (const piece of tensor.pieces()) {
        bytes += piece.byteLength;
        await write(piece);
      }
      if (bytes !== ggufBytes(tensor))
        throw new OutputError('OUTPUT_SIZE', { file: path, found: `${bytes} bytes of ${tensor.name}`, expected: `${ggufBytes(tensor)}` });
      await write(new Uint8Array(filling(bytes)));
    }
  });
}

const filling = (bytes: number): number => (ALIGNMENT - (bytes % ALIGNMENT)) % ALIGNMENT;

function encodeHeader(metadata: ReadonlyMap<string, GgufTyped>, tensors: readonly GgufSource[]): Uint8Array {
  const out = new Writer();
  out.u32(MAGIC);
  out.u32(VERSION);
  out.u64(tensors.length);
  out.u64(metadata.size);
  for (const [key, value] of metadata) {
    out.text(key);
    out.value(value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    out.text(tensor.name);
    out.u32(tensor.shape.length);
    for (const size of [...tensor.shape].reverse()) out.u64(size);
    out.u32(STORED.get(tensor.type)!.number);
    out.u64(offset);
    const bytes = ggufBytes(tensor);
    offset += bytes + filling(bytes);
  }
  return out.done();
}

/** Writes little-endian values one after another. */
class Writer {
  #bytes = new Uint8Array(1 << 16);
  #at = 0;

  u32(value: number): void {
    this.#room(4).setUint32(0, value, true);
  }

  u64(value: number): void {
    this.#room(8).setBigUint64(0, BigInt(value), true);
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.u64(bytes.byteLength);
    this.#room(bytes.byteLength);
    this.#bytes.set(bytes, this.#at - bytes.byteLength);
  }

  value(value: GgufTyped): void {
    if ('i32s' in value) return this.#list(TYPE.i32, value.i32s, (each) => this.#room(4).setInt32(0, each, true));
    if ('f32s' in value) return this.#list(TYPE.f32, value.f32s, (each) => this.#room(4).setFloat32(0, each, true));
    if ('texts' in value) return this.#list(TYPE.text, value.texts, (each) => this.text(each));
    if ('u32' in value) {
      this.u32(TYPE.u32);
      this.u32(value.u32);
    } else if ('f32' in value) {
      this.u32(TYPE.f32);
      this.#room(4).setFloat32(0, value.f32, true);
    } else if ('bool' in value) {
      this.u32(TYPE.bool);
      this.#room(1).setUint8(0, value.bool ? 1 : 0);
    } else {
      this.u32(TYPE.text);
      this.text(value.text);
    }
  }

  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  #list<T>(type: number, values: readonly T[], put: (value: T) => void): void {
    this.u32(TYPE.list);
    this.u32(type);
    this.u64(values.length);
    for (const value of values) put(value);
  }

  /** The next `length` bytes. */
  #room(length: number): DataView {
    while (this.#at + length > this.#bytes.byteLength) {
      const larger = new Uint8Array(2 * this.#bytes.byteLength);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#at += length;
    return new DataView(this.#bytes.buffer, this.#at - length, length);
  }
}
