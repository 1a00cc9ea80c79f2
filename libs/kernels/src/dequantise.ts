import { toFloat32 } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf } from './kernel.js';

/** Elements of a block; bytes of its float16 numbers and of its nibbles. */
const [ELEMENTS, HALF, NIBBLES] = [32, 2, 16];

/** A way in which ggml stores 32 elements. */
export interface BlockType {
  /** In a file (ggml.h, `enum ggml_type`). */
  readonly number: number;
  readonly blockBytes: number;
  /** How many float16 numbers a block begins with: the step, and the least value. */
  readonly halves: number;
  /** Element `at` of a block, from its bytes after the float16 numbers. */
  readonly element: (bytes: Uint8Array, at: number, step: number, least: number) => number;
}

const nibble = (bytes: Uint8Array, at: number): number => (at < NIBBLES ? bytes[at]! & 15 : bytes[at - NIBBLES]! >> 4);

/** The types that are read, by their names. A newcomer is a line here and one in `dequantise.cc`. */
export const BLOCK_TYPES = {
  Q4_0: { number: 2, blockBytes: HALF + NIBBLES, halves: 1, element: (bytes, at, step) => (nibble(bytes, at) - 8) * step },
  Q4_1: { number: 3, blockBytes: 2 * HALF + NIBBLES, halves: 2, element: (bytes, at, step, least) => nibble(bytes, at) * step + least },
  Q8_0: { number: 8, blockBytes: HALF + ELEMENTS, halves: 1, element: (bytes, at, step) => ((bytes[at]! << 24) >> 24) * step },
} as const satisfies Record<string, BlockType>;

/** The name of a block type. */
export type BlockTypeName = keyof typeof BLOCK_TYPES;

/** The row behind {@link dequantise}. */
export const dequantiseKernel = defineKernel({
  name: 'Dequantise',
  reference: ({ blocks }: { blocks: tf.Tensor }, { type }: { type: number }): tf.Tensor => {
    const { blockBytes, halves, element }: BlockType = Object.values(BLOCK_TYPES).find(({ number }) => number === type)!;
    const bytes = blocks.dataSync() as Uint8Array;
    const values = new Float32Array((bytes.length / blockBytes) * ELEMENTS);
    // A product of a float16 and a small integer is exact in float32, so that storing rounds once, like ggml.
    for (let block = 0; block < bytes.length / blockBytes; block++) {
      const own = bytes.subarray(block * blockBytes, (block + 1) * blockBytes);
      const [step, least] = toFloat32(own.slice(0, halves * HALF), 'F16');
      const rest = own.subarray(halves * HALF);
      for (let at = 0; at < ELEMENTS; at++) values[block * ELEMENTS + at] = element(rest, at, step!, least ?? 0);
    }
    return tf.tensor1d(values);
  },
});

/**
 * The float32 numbers of quantised blocks as a GGUF file has them (ggml's `dequantize_row_*`, bit for bit).
 *
 * @param blocks - bool `[bytes]`, one element per byte, of any value: `tf.tensor1d(bytes, 'bool')` takes a Uint8Array as it is, without a copy.
 * @returns float32 `[32 · blocks]`.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the bytes are no whole blocks.
 */
export function dequantise(blocks: tf.Tensor, type: BlockTypeName): tf.Tensor {
  const { number, blockBytes } = BLOCK_TYPES[type];
  const fits = blocks.dtype === 'bool' && blocks.size % blockBytes === 0;
  expectShape('dequantise', fits, () => shapeOf(blocks), `bool, blocks of ${blockBytes} bytes of ${type}`);
  return dequantiseKernel({ blocks }, { type: number });
}
