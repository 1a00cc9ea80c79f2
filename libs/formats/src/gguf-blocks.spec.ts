import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { GGML_TYPES } from './gguf-blocks.js';
import { type QUANTISERS, quantised } from './gguf-quantise.js';

/** Made by llama.cpp's own package: tools/reference/gguf_blocks.py. */
const reference = JSON.parse(readFileSync(new URL('../test/reference/gguf-blocks.json', import.meta.url), 'utf8')) as {
  read: Record<string, { blocks: string; values: string }>;
  rows: string;
  written: Record<'Q8_0' | 'Q4_0' | 'Q5_0', string>;
};
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'));
const floatsOf = (text: string): Float32Array => new Float32Array(bytesOf(text).buffer);
const typeOf = (name: string) => [...GGML_TYPES.values()].find((type) => type.name === name)!;

/** All blocks of some rows; the bytes come in pieces that no block ends at. */
async function written(type: keyof typeof QUANTISERS, rows: Float32Array): Promise<Uint8Array> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    const bytes = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
    for (let at = 0; at < bytes.byteLength; at += 100) yield bytes.subarray(at, at + 100);
  }
  const parts: Uint8Array[] = [];
  for await (const part of quantised(type, pieces())) parts.push(part);
  return Buffer.concat(parts);
}

test.each(Object.entries(reference.read))('%s is read as llama.cpp reads it, to the last bit', (name, { blocks, values }) => {
  expect(typeOf(name).dequantise!(bytesOf(blocks))).toEqual(floatsOf(values));
});

test.each(Object.entries(reference.written))('%s is written as llama.cpp writes it, to the last bit', async (name, blocks) => {
  expect(Buffer.from(await written(name as 'Q8_0', floatsOf(reference.rows))).toString('base64')).toBe(blocks);
});

describe.each(['Q4_K', 'Q6_K'] as const)('%s', (name) => {
  const back = async (rows: Float32Array): Promise<Float32Array> => typeOf(name).dequantise!(await written(name, rows));
  /** Like weights: normal, some channels larger than others. */
  const weights = Float32Array.from(
    { length: 4096 },
    (_, i) => Math.sqrt(-2 * Math.log((i + 1) / 4098)) * Math.cos(i * 2.399963) * (i % 256 < 32 ? 0.2 : 0.05),
  );
  const error = (found: ArrayLike<number>): number => Math.sqrt(weights.reduce((sum, value, i) => sum + (value - found[i]!) ** 2, 0));

  /** Rounding between the least and the largest value of every 32 or 16, scales and minima kept exactly: no search, no 6-bit scales. */
  const plainly = (part: number, levels: number): number[] =>
    Array.from({ length: weights.length / part }, (_, at) => weights.subarray(at * part, (at + 1) * part)).flatMap((values) => {
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const step = (high - low) / levels;
      return Array.from(values, (value) => low + step * Math.round((value - low) / step));
    });

  test('loses less than plain rounding of as many levels, although its scales are rounded too', async () => {
    expect(error(await back(weights))).toBeLessThan(name === 'Q4_K' ? error(plainly(32, 15)) : error(plainly(16, 63)) * 1.15);
  });

  test('a block of zeros stays zero, a constant one stays constant, a spike stays where it is', async () => {
    const rows = new Float32Array(3 * 256);
    rows.fill(0.5, 256, 512);
    rows[700] = -4;
    const found = await back(rows);
    expect(found.subarray(0, 256).every((value) => value === 0)).toBe(true);
    for (const value of found.subarray(256, 512)) expect(Math.abs(value - 0.5)).toBeLessThan(0.02);
    expect(found[700]).toBeCloseTo(-4, 1);
    expect(found.subarray(512).filter((value) => Math.abs(value) > 0.05)).toHaveLength(1);
  });
});
