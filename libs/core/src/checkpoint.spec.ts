import { describe, expect, test } from '@jest/globals';
import { type Dtype, fromFloat32, toFloat32 } from './checkpoint.js';

const every16 = Uint16Array.from({ length: 1 << 16 }, (_, bits) => bits);
const bytesOf = (words: Uint16Array | Uint32Array): Uint8Array => new Uint8Array(words.buffer);
const words = (bytes: Uint8Array): number[] => [...new Uint16Array(bytes.slice().buffer)];
const encode = (dtype: Dtype, ...values: number[]): number[] => words(fromFloat32(Float32Array.from(values), dtype));
const float = (bits: number): number => new Float32Array(Uint32Array.of(bits).buffer)[0]!;

describe('float16', () => {
  test('known patterns decode to what IEEE 754 says', () => {
    const known: [number, number][] = [
      [0x0000, 0],
      [0x8000, -0],
      [0x0001, 2 ** -24],
      [0x03ff, 1023 * 2 ** -24],
      [0x0400, 2 ** -14],
      [0x3555, 0.333251953125],
      [0x3c00, 1],
      [0xc000, -2],
      [0x7bff, 65504],
      [0x7c00, Infinity],
      [0xfc00, -Infinity],
    ];
    for (const [bits, value] of known) expect(Object.is(toFloat32(bytesOf(Uint16Array.of(bits)), 'F16')[0], Math.fround(value))).toBe(true);
  });

  test('all 65536 patterns come back, those that are no number as one that is none', () => {
    const values = toFloat32(bytesOf(every16), 'F16');
    const back = words(fromFloat32(values, 'F16'));
    const isNumber = (bits: number): boolean => (bits & 0x7c00) !== 0x7c00 || (bits & 0x3ff) === 0;
    expect([...every16].filter((bits) => isNumber(bits) && back[bits] !== bits)).toEqual([]);
    expect([...every16].filter((bits) => !isNumber(bits) && !(Number.isNaN(values[bits]) && (back[bits]! & 0x7e00) === 0x7e00))).toEqual([]);
  });

  test('rounds to the nearest, ties to the even pattern, beyond the largest to infinity', () => {
    expect(encode('F16', 1 + 2 ** -11, 1 + 2 ** -11 + 2 ** -20, 1 + 3 * 2 ** -11, -1 - 2 ** -11)).toEqual([0x3c00, 0x3c01, 0x3c02, 0xbc00]);
    expect(encode('F16', 65519, 65520, -1e10, Infinity)).toEqual([0x7bff, 0x7c00, 0xfc00, 0x7c00]);
    expect(encode('F16', 2 ** -25, 2 ** -25 * 1.001, 1.5 * 2 ** -24, 2.5 * 2 ** -24, 1e-30, -1e-30)).toEqual([0, 1, 2, 2, 0, 0x8000]);
    // The largest subnormal rounds up into the smallest normal.
    expect(encode('F16', 1023.5 * 2 ** -24, 2047.5 * 2 ** -25)).toEqual([0x0400, 0x0400]);
  });
});

describe('bfloat16', () => {
  test('is the upper half of float32: all 65536 patterns come back', () => {
    const values = toFloat32(bytesOf(every16), 'BF16');
    for (const bits of [0x3f80, 0xc000, 0x7f7f, 0x0001, 0x8000]) expect(Object.is(values[bits], float(bits * 65536))).toBe(true);
    const back = words(fromFloat32(values, 'BF16'));
    const isNumber = (bits: number): boolean => (bits & 0x7f80) !== 0x7f80 || (bits & 0x7f) === 0;
    expect([...every16].filter((bits) => back[bits] !== (isNumber(bits) ? bits : bits | 0x40))).toEqual([]);
  });

  test('rounds to the nearest, ties to the even pattern', () => {
    const middle = [0x3f808000, 0x3f818000, 0x3f808001, 0x3f807fff, 0x7f7fffff].map(float);
    expect(encode('BF16', ...middle)).toEqual([0x3f80, 0x3f82, 0x3f81, 0x3f80, 0x7f80]);
  });
});

test('float32 and float64 are handed through; whole numbers are refused', () => {
  expect([...toFloat32(new Uint8Array(Float64Array.of(0.1, -3).buffer), 'F64')]).toEqual([Math.fround(0.1), -3]);
  expect([...toFloat32(fromFloat32(Float32Array.of(0.1, 1e38), 'F32'), 'F32')]).toEqual([Math.fround(0.1), Math.fround(1e38)]);
  expect(() => toFloat32(new Uint8Array(4), 'I32')).toThrow(expect.objectContaining({ code: 'CHECKPOINT_DTYPE' }));
});

test('bytes at an odd place of a larger buffer are read all the same', () => {
  const buffer = new Uint8Array(9);
  buffer.set(new Uint8Array(Float32Array.of(1.5, -2).buffer), 1);
  expect([...toFloat32(buffer.subarray(1), 'F32')]).toEqual([1.5, -2]);
});
