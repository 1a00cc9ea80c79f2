import { toFloat32 } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf } from './kernel.js';

/** Elements of a block of any type. */
export const BLOCK_ELEMENTS = 32;

/** Bytes of a block's float16 numbers and of its nibbles. */
const [HALF, NIBBLES] = [2, 16];

/** Where one block begins: its bytes after the float16 numbers, and its place among the values. */
type Read = (bytes: Uint8Array, at: number, values: Float32Array, to: number, step: number, least: number) => void;

/** A way in which ggml stores 32 elements. */
export interface BlockType {
  /** In a file (ggml.h, `enum ggml_type`). */
  readonly number: number;
  readonly blockBytes: number;
  /** How many float16 numbers a block begins with: the step, and the least value. */
  readonly halves: number;
  readonly read: Read;
}

// A product of a float16 and a small integer is exact in float32, so that storing rounds once, like ggml.

/** x = (q − 8) · d, the low nibbles first */
const q4_0: Read = (bytes, at, values, to, step) => {
  for (let i = 0; i < NIBBLES; i++) {
    const byte = bytes[at + i]!;
    values[to + i] = ((byte & 15) - 8) * step;
    values[to + NIBBLES + i] = ((byte >> 4) - 8) * step;
  }
};

/** x = q · d + m, the low nibbles first */
const q4_1: Read = (bytes, at, values, to, step, least) => {
  for (let i = 0; i < NIBBLES; i++) {
    const byte = bytes[at + i]!;
    values[to + i] = (byte & 15) * step + least;
    values[to + NIBBLES + i] = (byte >> 4) * step + least;
  }
};

/** x = q · d, q signed */
const q8_0: Read = (bytes, at, values, to, step) => {
  for (let i = 0; i < BLOCK_ELEMENTS; i++) values[to + i] = ((bytes[at + i]! << 24) >> 24) * step;
};

/** The types that are read, by their names. A newcomer is a line here, one in `dequantise.cc` and one in `dequantise.gpu.ts`. */
export const BLOCK_TYPES = {
  Q4_0: { number: 2, blockBytes: HALF + NIBBLES, halves: 1, read: q4_0 },
  Q4_1: { number: 3, blockBytes: 2 * HALF + NIBBLES, halves: 2, read: q4_1 },
  Q8_0: { number: 8, blockBytes: HALF + BLOCK_ELEMENTS, halves: 1, read: q8_0 },
} as const satisfies Record<string, BlockType>;

/** The name of a block type. */
export type BlockTypeName = keyof typeof BLOCK_TYPES;

/** The row behind {@link dequantise}. */
export const dequantiseKernel = defineKernel({
  name: 'Dequantise',
  reference: ({ blocks }: { blocks: tf.Tensor }, { type }: { type: number }): tf.Tensor => {
    const found = Object.values(BLOCK_TYPES).find(({ number }) => number === type)!;
    return tf.tensor1d(valuesOf(blocks.dataSync() as Uint8Array, found));
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

/**
 * {@link dequantise} of bytes that come from a file and go back to the host: by the engine's sibling where an engine that has one runs, else
 * here, with no engine at all.
 *
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the bytes are no whole blocks.
 */
export function dequantiseBytes(bytes: Uint8Array, type: BlockTypeName): Float32Array {
  const known = BLOCK_TYPES[type];
  expectShape('dequantiseBytes', bytes.length % known.blockBytes === 0, () => `${bytes.length} bytes`, `blocks of ${known.blockBytes} bytes of ${type}`);
  if (tf.getKernel(`Chop${dequantiseKernel.name}`, tf.getBackend()) === undefined) return valuesOf(bytes, known);
  // A scope looks for tensors in what it returns: in numbers, one by one, which takes longer than to make them.
  const floats = tf.tidy(() => dequantise(tf.tensor1d(bytes, 'bool'), type));
  const values = floats.dataSync<'float32'>();
  floats.dispose();
  return values;
}

function valuesOf(bytes: Uint8Array, { blockBytes, halves, read }: BlockType): Float32Array {
  const count = bytes.length / blockBytes;
  const heads = new Uint8Array(count * halves * HALF);
  for (let block = 0; block < count; block++) for (let i = 0; i < halves * HALF; i++) heads[block * halves * HALF + i] = bytes[block * blockBytes + i]!;
  const numbers = toFloat32(heads, 'F16');
  const values = new Float32Array(count * BLOCK_ELEMENTS);
  for (let block = 0; block < count; block++) {
    const [step, least] = [numbers[block * halves]!, halves === 2 ? numbers[block * halves + 1]! : 0];
    read(bytes, block * blockBytes + halves * HALF, values, block * BLOCK_ELEMENTS, step, least);
  }
  return values;
}
