import { type Dtype, toFloat32 } from '@chop/core';

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
]);

/** Names of the types that are not read, for the error. */
export const OTHER_GGML_TYPES: ReadonlyMap<number, string> = new Map(
  Object.entries({
    6: 'Q5_0',
    7: 'Q5_1',
    9: 'Q8_1',
    10: 'Q2_K',
    11: 'Q3_K',
    12: 'Q4_K',
    13: 'Q5_K',
    14: 'Q6_K',
    15: 'Q8_K',
    16: 'IQ2_XXS',
    17: 'IQ2_XS',
    18: 'IQ3_XXS',
    19: 'IQ1_S',
    20: 'IQ4_NL',
    21: 'IQ3_S',
    22: 'IQ2_S',
    23: 'IQ4_XS',
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
