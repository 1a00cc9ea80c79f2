import { type Dtype, toFloat32 } from '@chop/core';
import { iq4_NL, iq4_XS, q2_K, q3_K, q4_K, q5_0, q5_1, q5_K, q6_K, type ReadBlock } from './gguf-k-blocks.js';

/** How one ggml type lies in a file, and as what a checkpoint shows it. */
export interface GgmlType {
  readonly name: string;
  /** Elements of one block; 1 for plain types. */
  readonly blockElements: number;
  readonly blockBytes: number;
  /** What a stream gives: the stored dtype, or F32 for blocks, which are dequantised. */
  readonly dtype: Dtype;
  /** Whole blocks to floats, float32 arithmetic as in ggml; undefined for plain types. */
  readonly dequantise?: (blocks: Uint8Array) => Float32Array;
}

const HALF = 2;
const NIBBLES = 16;

/** Types by their number in the file (ggml.h, `enum ggml_type`). */
export const GGML_TYPES: ReadonlyMap<number, GgmlType> = new Map<number, GgmlType>([
  [0, { name: 'F32', blockElements: 1, blockBytes: 4, dtype: 'F32' }],
  [1, { name: 'F16', blockElements: 1, blockBytes: 2, dtype: 'F16' }],
  [30, { name: 'BF16', blockElements: 1, blockBytes: 2, dtype: 'BF16' }],
  // block_q4_0: half d; 32 nibbles; x = (q − 8) · d
  [2, { name: 'Q4_0', blockElements: 32, blockBytes: HALF + NIBBLES, dtype: 'F32', dequantise: q4_0 }],
  // block_q4_1: half d, half m; 32 nibbles; x = q · d + m
  [3, { name: 'Q4_1', blockElements: 32, blockBytes: 2 * HALF + NIBBLES, dtype: 'F32', dequantise: q4_1 }],
  // block_q8_0: half d; 32 signed bytes; x = q · d
  [8, { name: 'Q8_0', blockElements: 32, blockBytes: HALF + 32, dtype: 'F32', dequantise: q8_0 }],
  [6, inBlocks('Q5_0', q5_0, 32, 22)],
  [7, inBlocks('Q5_1', q5_1, 32, 24)],
  [10, inBlocks('Q2_K', q2_K, 256, 84)],
  [11, inBlocks('Q3_K', q3_K, 256, 110)],
  [12, inBlocks('Q4_K', q4_K, 256, 144)],
  [13, inBlocks('Q5_K', q5_K, 256, 176)],
  [14, inBlocks('Q6_K', q6_K, 256, 210)],
  [20, inBlocks('IQ4_NL', iq4_NL, 32, 18)],
  [23, inBlocks('IQ4_XS', iq4_XS, 256, 136)],
]);

/** Names of the types that are not read, for the error. */
export const OTHER_GGML_TYPES: ReadonlyMap<number, string> = new Map(
  Object.entries({
    9: 'Q8_1',
    15: 'Q8_K',
    16: 'IQ2_XXS',
    17: 'IQ2_XS',
    18: 'IQ3_XXS',
    19: 'IQ1_S',
    21: 'IQ3_S',
    22: 'IQ2_S',
    24: 'I8',
    25: 'I16',
    26: 'I32',
    27: 'I64',
    28: 'F64',
    29: 'IQ1_M',
    34: 'TQ1_0',
    35: 'TQ2_0',
    39: 'MXFP4',
  }).map(([number, name]) => [Number(number), name]),
);

/** A type that is read block by block. */
function inBlocks(name: string, read: ReadBlock, blockElements: number, blockBytes: number): GgmlType {
  return {
    name,
    blockElements,
    blockBytes,
    dtype: 'F32',
    dequantise(blocks) {
      const out = new Float32Array((blocks.byteLength / blockBytes) * blockElements);
      for (let at = 0, to = 0; at < blocks.byteLength; at += blockBytes, to += blockElements)
        read(blocks, at, out, to, (offset) => halfAt(blocks, at + offset));
      return out;
    },
  };
}

/** The float16 at a byte. */
function halfAt(bytes: Uint8Array, at: number): number {
  const bits = bytes[at]! | (bytes[at + 1]! << 8);
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? (fraction === 0 ? Infinity : NaN) : (1024 + fraction) * 2 ** (exponent - 25);
  return bits >> 15 ? -size : size;
}

// Products of a float16 and a small integer are exact in float32, so only the sum of Q4_1 rounds: storing into a
// Float32Array rounds once, like ggml.

function q8_0(blocks: Uint8Array): Float32Array {
  const { count, out, scales } = prepare(blocks, HALF + 32);
  const signed = new Int8Array(blocks.buffer, blocks.byteOffset, blocks.byteLength);
  for (let block = 0; block < count; block++) {
    const d = scales[block]!;
    for (let i = 0; i < 32; i++) out[block * 32 + i] = signed[block * 34 + 2 + i]! * d;
  }
  return out;
}

function q4_0(blocks: Uint8Array): Float32Array {
  const { count, out, scales } = prepare(blocks, HALF + NIBBLES);
  for (let block = 0; block < count; block++) {
    const d = scales[block]!;
    for (let i = 0; i < NIBBLES; i++) {
      const byte = blocks[block * 18 + HALF + i]!;
      out[block * 32 + i] = ((byte & 15) - 8) * d;
      out[block * 32 + NIBBLES + i] = ((byte >> 4) - 8) * d;
    }
  }
  return out;
}

function q4_1(blocks: Uint8Array): Float32Array {
  const { count, out, scales } = prepare(blocks, 2 * HALF + NIBBLES);
  const minima = halves(blocks, 20, HALF);
  for (let block = 0; block < count; block++) {
    const d = scales[block]!;
    const m = minima[block]!;
    for (let i = 0; i < NIBBLES; i++) {
      const byte = blocks[block * 20 + 2 * HALF + i]!;
      out[block * 32 + i] = (byte & 15) * d + m;
      out[block * 32 + NIBBLES + i] = (byte >> 4) * d + m;
    }
  }
  return out;
}

function prepare(blocks: Uint8Array, blockBytes: number): { count: number; out: Float32Array; scales: Float32Array } {
  const count = blocks.byteLength / blockBytes;
  return { count, out: new Float32Array(count * 32), scales: halves(blocks, blockBytes, 0) };
}

/** The float16 at byte `at` of every block. */
function halves(blocks: Uint8Array, blockBytes: number, at: number): Float32Array {
  const count = blocks.byteLength / blockBytes;
  const bytes = new Uint8Array(count * HALF);
  for (let block = 0; block < count; block++) {
    bytes[block * HALF] = blocks[block * blockBytes + at]!;
    bytes[block * HALF + 1] = blocks[block * blockBytes + at + 1]!;
  }
  return toFloat32(bytes, 'F16');
}
