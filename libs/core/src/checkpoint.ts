import { CheckpointError } from './error.js';

/** Element types that can be stored, with their size in bytes. */
export const DTYPE_BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;
/** An element type that can be stored, in the spelling of safetensors. */
export type Dtype = keyof typeof DTYPE_BYTES;

/** One tensor as its checkpoint stores it. */
export interface TensorInfo {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  /** How it lies on disk where that is not as elements of `dtype`: in packed or quantised form, which is widened while it is read. */
  readonly stored?: { readonly form: string; readonly bytes: number };
}

/** A model's config in Hugging Face's spelling, as `config.json` has it. */
export type Config = Readonly<Record<string, unknown>>;

/** The largest piece that a stream hands over, in bytes: bounds the memory of every copy. */
export const CHUNK_BYTES = 4 << 20;

/**
 * Named tensors + config + companion files (tokenizer, generation config, chat template …), read lazily.
 * A folder, a GGUF, a hub id, or another checkpoint seen through a plan. Nothing here changes what is on disk.
 */
export interface Checkpoint {
  /** What the user called it. */
  readonly source: string;
  readonly config: Config;
  /** In the order in which they are stored. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Companion files by name, byte for byte: `tokenizer.json`, `generation_config.json`, … without weights and `config.json`. */
  readonly companions: ReadonlyMap<string, () => Promise<Uint8Array>>;
  /** The stored bytes `[from, to)` of a tensor (whole by default), little-endian, row-major, in pieces of at most {@link CHUNK_BYTES}. A piece is only valid until the next one is asked for. */
  stream(name: string, from?: number, to?: number): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** Elements of a tensor of that shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Bytes of one tensor as it is read. */
export function byteLength(info: TensorInfo): number {
  return elementCount(info.shape) * DTYPE_BYTES[info.dtype];
}

/** The tensor's description, or an error that names what is there. */
export function tensorInfo(checkpoint: Checkpoint, name: string): TensorInfo {
  const info = checkpoint.tensors.get(name);
  if (info) return info;
  throw new CheckpointError('CHECKPOINT_TENSOR_MISSING', {
    file: checkpoint.source,
    found: `no tensor ${name} among ${checkpoint.tensors.size}`,
    expected: 'every weight of the family',
    remedy: 'The checkpoint is incomplete or of another architecture than its config says.',
  });
}

/** The stored bytes of one whole tensor. */
export async function readBytes(checkpoint: Checkpoint, name: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(byteLength(tensorInfo(checkpoint, name)));
  let offset = 0;
  for await (const piece of checkpoint.stream(name)) {
    bytes.set(piece, offset);
    offset += piece.byteLength;
  }
  return bytes;
}

/** Decodes stored floats to float32: F64, F32, F16 and BF16; integers are refused. */
export function toFloat32(bytes: Uint8Array, dtype: Dtype): Float32Array {
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const { buffer, byteOffset, byteLength: length } = aligned;
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer as ArrayBuffer, byteOffset, length / 4);
    case 'F64':
      return Float32Array.from(new Float64Array(buffer as ArrayBuffer, byteOffset, length / 8));
    case 'BF16':
      return widenBf16(new Uint16Array(buffer as ArrayBuffer, byteOffset, length / 2));
    case 'F16':
      return widenF16(new Uint16Array(buffer as ArrayBuffer, byteOffset, length / 2));
    default:
      throw new CheckpointError('CHECKPOINT_DTYPE', {
        found: `weights stored as ${dtype}`,
        expected: 'F32, F16, BF16 or F64',
        remedy: 'Quantised weights must be dequantised first.',
      });
  }
}

/** Encodes float32 in a storage dtype, rounding to nearest even. */
export function fromFloat32(values: Float32Array, dtype: Dtype): Uint8Array {
  switch (dtype) {
    case 'F32':
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case 'F64':
      return new Uint8Array(Float64Array.from(values).buffer);
    case 'BF16':
      return new Uint8Array(narrowBf16(values).buffer);
    case 'F16':
      return new Uint8Array(narrowF16(values).buffer);
    default:
      throw new CheckpointError('CHECKPOINT_DTYPE', { found: `a request to write floats as ${dtype}`, expected: 'F32, F16, BF16 or F64' });
  }
}

function widenBf16(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = bits[i]! << 16;
  return new Float32Array(out.buffer);
}

function narrowBf16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const word = bits[i]!;
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    out[i] = isNaN ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
}

const F16_TO_F32 = /* @__PURE__ */ (() => {
  let table: Float32Array | undefined;
  return () => (table ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => decodeF16(bits)));
})();

function widenF16(bits: Uint16Array): Float32Array {
  const table = F16_TO_F32();
  const out = new Float32Array(bits.length);
  for (let i = 0; i < out.length; i++) out[i] = table[bits[i]!]!;
  return out;
}

function decodeF16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function narrowF16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = encodeF16(words[i]!);
  return out;
}

/** One float32 bit pattern to the nearest float16 (ties to even). */
function encodeF16(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    const shift = 113 - (magnitude >>> 23) + 13;
    if (shift > 25) return sign;
    const mantissa = (magnitude & 0x7fffff) | 0x800000;
    const half = mantissa >>> shift;
    const rest = mantissa & ((1 << shift) - 1);
    const middle = 1 << (shift - 1);
    return sign | (half + (rest > middle || (rest === middle && half & 1) ? 1 : 0));
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}
