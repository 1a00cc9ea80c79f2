import type { Dtype } from '@chop/core';
import { BLOCK_ELEMENTS, BLOCK_TYPES, type BlockTypeName, dequantiseBytes } from '@chop/kernels';
import { readHalf } from './float16.js';
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

/** Types by their number in the file (ggml.h, `enum ggml_type`). */
export const GGML_TYPES: ReadonlyMap<number, GgmlType> = new Map<number, GgmlType>([
  [0, { name: 'F32', blockElements: 1, blockBytes: 4, dtype: 'F32' }],
  [1, { name: 'F16', blockElements: 1, blockBytes: 2, dtype: 'F16' }],
  [30, { name: 'BF16', blockElements: 1, blockBytes: 2, dtype: 'BF16' }],
  ...(Object.keys(BLOCK_TYPES) as BlockTypeName[]).map(onEngine),
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

/** A type that has a kernel. */
function onEngine(name: BlockTypeName): [number, GgmlType] {
  const { number, blockBytes } = BLOCK_TYPES[name];
  return [number, { name, blockElements: BLOCK_ELEMENTS, blockBytes, dtype: 'F32', dequantise: (blocks) => dequantiseBytes(blocks, name) }];
}

/** A type that is read block by block. */
function inBlocks(name: string, read: ReadBlock, blockElements: number, blockBytes: number): GgmlType {
  return {
    name,
    blockElements,
    blockBytes,
    dtype: 'F32',
    dequantise(blocks) {
      const out = new Float32Array((blocks.byteLength / blockBytes) * blockElements);
      const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.byteLength);
      for (let at = 0, to = 0; at < blocks.byteLength; at += blockBytes, to += blockElements)
        read(blocks, at, out, to, (offset) => readHalf(view, at + offset));
      return out;
    },
  };
}
