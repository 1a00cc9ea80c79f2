import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { type BlockTypeName, dequantise, dequantiseBytes } from './dequantise.js';

const backends = await startBackends();

/** float16 1.5, −0.25, the smallest subnormal 2⁻²⁴, −2⁻¹⁵ (subnormal), 65504: bits by IEEE 754. */
const HALVES: readonly (readonly [bits: number, value: number])[] = [
  [0x3e00, 1.5],
  [0xb400, -0.25],
  [0x0001, 2 ** -24],
  [0x8200, -(2 ** -15)],
  [0x7bff, 65504],
];
const bytesOf = (bits: number): number[] => [bits & 255, bits >> 8];

/** Quants of one block: for nibbles, byte i holds element i below and element 16 + i above. */
const packed = (nibbles: readonly number[]): number[] => nibbles.slice(0, 16).map((low, i) => low | (nibbles[16 + i]! << 4));
const nibbles = (seed: number): number[] => Array.from({ length: 32 }, (_, i) => (i * 7 + seed * 5) % 16);
const signed = (seed: number): number[] => Array.from({ length: 32 }, (_, i) => ((i * 37 + seed * 91) % 256) - 128);

/** One block for each scale: its bytes and its values. */
const CASES: Record<BlockTypeName, (bits: number, d: number, seed: number) => { bytes: number[]; values: number[] }> = {
  Q4_0: (bits, d, seed) => ({ bytes: [...bytesOf(bits), ...packed(nibbles(seed))], values: nibbles(seed).map((q) => (q - 8) * d) }),
  Q4_1: (bits, d, seed) => {
    const [minimum, m] = HALVES[(seed + 1) % HALVES.length]!;
    return { bytes: [...bytesOf(bits), ...bytesOf(minimum), ...packed(nibbles(seed))], values: nibbles(seed).map((q) => q * d + m) };
  },
  Q8_0: (bits, d, seed) => ({ bytes: [...bytesOf(bits), ...signed(seed).map((q) => q & 255)], values: signed(seed).map((q) => q * d) }),
};

test.each(backends)('blocks of every type give the numbers that they stand for, on %s', async (backend) => {
  await tf.setBackend(backend);
  for (const [type, block] of Object.entries(CASES)) {
    for (const count of [1, HALVES.length, 203]) {
      const blocks = Array.from({ length: count }, (_, seed) => block(...HALVES[seed % HALVES.length]!, seed));
      // From an odd place of its buffer, as slices of a file come.
      const bytes = Uint8Array.from([0, ...blocks.flatMap((one) => one.bytes)]).subarray(1);
      const before = tf.memory().numTensors;
      const given = tf.tensor1d(bytes, 'bool');
      const values = dequantise(given, type as BlockTypeName);
      expect(values.shape).toEqual([32 * count]);
      const expected = blocks.flatMap((one) => one.values.map((value) => Math.fround(value) + 0));
      expect(Array.from(values.dataSync(), (value) => value + 0)).toEqual(expected);
      tf.dispose([given, values]);
      expect(Array.from(dequantiseBytes(bytes, type as BlockTypeName), (value) => value + 0)).toEqual(expected);
      expect(tf.memory().numTensors).toBe(before);
    }
  }
});

test.each(backends)('an infinite step makes infinities and what is no number, on %s', async (backend) => {
  await tf.setBackend(backend);
  const { bytes } = CASES.Q4_0(0xfc00, -Infinity, 3);
  const expected = nibbles(3).map((q) => (q - 8) * -Infinity);
  expect(Array.from(dequantise(tf.tensor1d(Uint8Array.from(bytes), 'bool'), 'Q4_0').dataSync())).toEqual(expected);
});

test('dequantising refuses a part of a block and what is no byte', () => {
  expect(() => dequantise(tf.zeros([19], 'bool'), 'Q4_0')).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
  expect(() => dequantise(tf.zeros([18], 'int32'), 'Q4_0')).toThrow(/int32/);
  expect(() => dequantiseBytes(new Uint8Array(35), 'Q8_0')).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
  expect(dequantise(tf.zeros([0], 'bool'), 'Q8_0').shape).toEqual([0]);
});
