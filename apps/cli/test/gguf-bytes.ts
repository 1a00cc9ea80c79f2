/** A tensor as a header describes it; sizes in the file's order, the fastest first. */
export interface GgufTensorEntry {
  readonly name: string;
  readonly sizes: readonly number[];
  readonly type: number;
  readonly offset: number;
}

export interface GgufParts {
  readonly version?: number;
  readonly keys?: readonly Buffer[];
  readonly keyCount?: number | bigint;
  readonly tensors?: readonly GgufTensorEntry[];
  readonly tensorCount?: number | bigint;
  readonly data?: Uint8Array;
}

export function u32(value: number): Buffer {
  return Buffer.from(Uint32Array.of(value).buffer);
}

export function u64(value: number | bigint): Buffer {
  return Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
}

function text(value: string): Buffer {
  return Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
}

/** A key with a value of one of the format's types (8 = text, 9 = list). */
export function ggufKey(name: string, type: number, value: Buffer): Buffer {
  return Buffer.concat([text(name), u32(type), value]);
}

/** A GGUF file as its description lays it out (magic, version, counts, keys, tensors, data at a multiple of 32), true or not. */
export function gguf({
  version = 3,
  keys = [],
  keyCount = keys.length,
  tensors = [],
  tensorCount = tensors.length,
  data = Buffer.alloc(0),
}: GgufParts): Buffer {
  const described = tensors.map(({ name, sizes, type, offset }) => Buffer.concat([text(name), u32(sizes.length), ...sizes.map(u64), u32(type), u64(offset)]));
  const header = Buffer.concat([Buffer.from('GGUF'), u32(version), u64(tensorCount), u64(keyCount), ...keys, ...described]);
  return Buffer.concat([header, Buffer.alloc(-header.length & 31), data]);
}
