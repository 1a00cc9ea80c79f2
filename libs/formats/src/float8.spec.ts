import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBytes, toFloat32 } from '@chop/core';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { decodeFloat8, type Float8 } from './float8.js';
import { openFolder } from './huggingface.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-float8-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);

async function model(dtype: string, config: object = {}, more: Record<string, string> = {}): Promise<string> {
  const names = { 'w.weight': dtype, ...more };
  const entries = Object.entries(names).map(([name, type], i) => [name, { dtype: type, shape: [16, 16], data_offsets: [256 * i, 256 * (i + 1)] }]);
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await writeFile(join(folder, 'model.safetensors'), Buffer.concat([length, header, ...entries.map(() => BYTES)]));
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  return folder;
}

/** Values of the paper's table 1 and of its neighbours, by hand. */
test.each<[Float8, number, number]>([
  ['F8_E4M3', 0x00, 0],
  ['F8_E4M3', 0x01, 2 ** -9],
  ['F8_E4M3', 0x07, 7 * 2 ** -9],
  ['F8_E4M3', 0x08, 2 ** -6],
  ['F8_E4M3', 0x38, 1],
  ['F8_E4M3', 0xb9, -1.125],
  ['F8_E4M3', 0x7e, 448],
  ['F8_E4M3', 0xff, NaN],
  ['F8_E5M2', 0x01, 2 ** -16],
  ['F8_E5M2', 0x04, 2 ** -14],
  ['F8_E5M2', 0x3c, 1],
  ['F8_E5M2', 0xbd, -1.25],
  ['F8_E5M2', 0x7b, 57344],
  ['F8_E5M2', 0xfc, -Infinity],
  ['F8_E5M2', 0x7d, NaN],
])('%s: the byte %i is %f', (form, byte, value) => {
  expect(decodeFloat8(byte, form)).toBe(value);
});

test.each<Float8>(['F8_E4M3', 'F8_E5M2'])('a weight stored as %s is that of its bytes, whole and in part', async (form) => {
  const checkpoint = await openFolder(await model(form));
  expect(checkpoint.tensors.get('w.weight')).toMatchObject({ dtype: 'BF16', shape: [16, 16] });
  const bytes = await readBytes(checkpoint, 'w.weight');
  expect([...toFloat32(bytes, 'BF16')]).toEqual([...BYTES].map((byte) => decodeFloat8(byte, form)));
  for (const [from, to] of [
    [0, 1],
    [3, 8],
    [101, 102],
    [510, 512],
  ] as const) {
    // prettier-ignore
    const pieces: Uint8Array[] = [];
    for await (const piece of checkpoint.stream('w.weight', from, to)) pieces.push(Uint8Array.from(piece));
    expect(Buffer.concat(pieces)).toEqual(Buffer.from(bytes.subarray(from, to)));
  }
  await checkpoint.close();
});

test.each<[what: string, dtype: string, config: object, more: Record<string, string>, says: RegExp]>([
  ['a config that tells of a quantiser', 'F8_E4M3', { quantization_config: { quant_method: 'fp8' } }, {}, /quantised by fp8 \(quantization_config/],
  ['scales beside weights', 'F8_E4M3', {}, { 'w.weight_scale_inv': 'F8_E4M3' }, /w\.weight_scale_inv scales them/],
  ['packed weights', 'F8_E4M3', {}, { 'q.qweight': 'U8' }, /q\.qweight/],
  ['whole numbers', 'I8', {}, {}, /w\.weight stored as whole numbers \(I8\)/],
])('%s: the model is refused with the reason', async (_, dtype, config, more, says) => {
  await expect(openFolder(await model(dtype, config, more))).rejects.toMatchObject({
    code: 'CHECKPOINT_QUANTISED',
    exitCode: 2,
    message: expect.stringMatching(says) as unknown,
  });
});

test('whole numbers that are no weights (positions, masks) stay where they are', async () => {
  const checkpoint = await openFolder(await model('F8_E5M2', {}, { 'attention.bias': 'BOOL', 'embeddings.position_ids': 'U8' }));
  expect(checkpoint.tensors.get('attention.bias')!.dtype).toBe('BOOL');
  await checkpoint.close();
});
