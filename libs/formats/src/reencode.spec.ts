import { expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '@chop/core';
import fc from 'fast-check';
import { reencode } from './reencode.js';

async function* cutAt(bytes: Uint8Array, ends: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const end of [...ends].sort((a, b) => a - b)) {
    yield bytes.slice(from, end);
    from = end;
  }
  yield bytes.slice(from);
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(Buffer.from(piece));
  return Buffer.concat(all);
}

test('floats keep their value through a wider dtype and are rounded to nearest even in a narrower one', async () => {
  const floats = new Uint8Array(Float32Array.of(1, -2.5, 65504, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -8, 1 + 3 * 2 ** -8).buffer);
  const half = await collect(reencode(cutAt(floats, []), 'F32', 'F16'));
  // 1 + 2⁻¹¹ lies between 1 (even) and 1 + 2⁻¹⁰; 1 + 3·2⁻¹¹ between that and 1 + 2⁻⁹ (even).
  expect([0, 2, 4, 6, 8].map((at) => half.readUInt16LE(at))).toEqual([0x3c00, 0xc100, 0x7bff, 0x3c00, 0x3c02]);
  const brain = await collect(reencode(cutAt(floats, []), 'F32', 'BF16'));
  expect([brain.readUInt16LE(0), brain.readUInt16LE(2), brain.readUInt16LE(10), brain.readUInt16LE(12)]).toEqual([0x3f80, 0xc020, 0x3f80, 0x3f82]);
});

test('every finite float16 survives float32, wherever the pieces are cut', async () => {
  const bits = Uint16Array.from({ length: 1 << 16 }, (_, i) => i).filter((word) => (word & 0x7c00) !== 0x7c00);
  const bytes = new Uint8Array(bits.buffer);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 12 }), async (ends) => {
      const back = await collect(reencode(reencode(cutAt(bytes, ends), 'F16', 'F32'), 'F32', 'F16'));
      expect(Buffer.compare(back, bytes)).toBe(0);
    }),
    { numRuns: 20 },
  );
});

test('a piece that grows is handed over in pieces of at most 4 MiB', async () => {
  const sizes: number[] = [];
  for await (const piece of reencode(cutAt(new Uint8Array(CHUNK_BYTES), []), 'BF16', 'F32')) sizes.push(piece.byteLength);
  expect(sizes).toEqual([CHUNK_BYTES, CHUNK_BYTES]);
});

test('integers and incomplete elements are refused', async () => {
  await expect(collect(reencode(cutAt(new Uint8Array(8), []), 'I32', 'F32'))).rejects.toMatchObject({ code: 'CHECKPOINT_DTYPE' });
  await expect(collect(reencode(cutAt(new Uint8Array(6), []), 'F32', 'F16'))).rejects.toMatchObject({ code: 'CHECKPOINT_TRUNCATED' });
});
