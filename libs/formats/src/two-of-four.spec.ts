import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { byteLength, type Dtype, DTYPE_BYTES, fromFloat32, readBytes, toFloat32 } from '@chop/core';
import fc from 'fast-check';
import { openFolder, saveFolder } from './huggingface.js';
import { openSafetensors, type TensorSource } from './safetensors.js';
import { canBePacked, crowdedGroup, packedConfig, packedTwoOfFour } from './two-of-four.js';

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'chop-packed-'));
});
afterAll(() => rm(base, { recursive: true }));

/** A matrix whose bytes come in pieces of any length. */
function matrix(values: readonly number[], [out, inputs]: readonly [number, number], dtype: Dtype = 'F32', pieceBytes = 1 << 20): TensorSource {
  const bytes = fromFloat32(Float32Array.from(values), dtype);
  return {
    name: 'a.weight',
    shape: [out, inputs],
    dtype,
    async *pieces() {
      for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.slice(at, at + pieceBytes);
    },
  };
}

async function saved(tensors: readonly TensorSource[], turned = false): Promise<string> {
  const folder = await mkdtemp(join(base, 'model-'));
  await saveFolder(join(folder, 'm'), { config: packedConfig({ model_type: 'x' }, turned), tensors, companions: new Map() });
  return join(folder, 'm');
}

async function all({ pieces }: TensorSource): Promise<number[]> {
  const bytes: number[] = [];
  for await (const piece of pieces()) bytes.push(...piece);
  return bytes;
}

/** Four inputs of which none, one or two are not zero. */
const group = fc
  .tuple(fc.uniqueArray(fc.nat(3), { maxLength: 2 }), fc.float({ noNaN: true, min: -8, max: 8 }), fc.float({ noNaN: true, min: -8, max: 8 }), fc.boolean())
  .map(([places, first, second, negative]) => [0, 1, 2, 3].map((at) => (at === places[0] ? first : at === places[1] ? second : negative ? -0 : 0)));
const pattern = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 7 }))
  .chain(([out, perRow]) => fc.tuple(fc.constant(out), fc.constant(4 * perRow), fc.array(group, { minLength: out * perRow, maxLength: out * perRow })));

test.each(['F32', 'F16', 'BF16'] as const)('any 2:4 matrix in %s comes back, whichever bytes of it are asked for', async (dtype) => {
  await fc.assert(
    fc.asyncProperty(pattern, fc.integer({ min: 1, max: 40 }), fc.nat(), fc.nat(), async ([out, inputs, groups], pieceBytes, a, b) => {
      const dense = matrix(groups.flat(), [out, inputs], dtype, pieceBytes);
      expect(await crowdedGroup(dense)).toBeUndefined();
      const folder = await saved(packedTwoOfFour(dense));
      const read = await openFolder(folder);
      expect(read.tensors.get('a.weight')).toMatchObject({ name: 'a.weight', shape: [out, inputs], dtype });
      const expected = toFloat32(Uint8Array.from(await all(dense)), dtype).map((value) => (value === 0 ? 0 : value)); // −0 as zero
      const bytes = await readBytes(read, 'a.weight');
      expect(bytes).toEqual(new Uint8Array(fromFloat32(expected, dtype)));
      const [from, to] = [a, b].map((at) => at % (bytes.length + 1)).sort((x, y) => x - y) as [number, number];
      const part: number[] = [];
      for await (const piece of read.stream('a.weight', from, to)) part.push(...piece);
      expect(Uint8Array.from(part)).toEqual(bytes.slice(from, to));
      await read.close();
    }),
    { numRuns: 40 },
  );
});

test('values are followed by two bits each, the first of a row lowest, rows in whole bytes', async () => {
  const rows = [
    [0, 5, 0, 7, /**/ 0, 0, 0, 3, /**/ 0, 0, 0, 0],
    [1, 2, 0, 0, /**/ 0, -0, 4, 6, /**/ 8, 0, 0, 9],
  ];
  const [values, indices] = packedTwoOfFour(matrix(rows.flat(), [2, 12]));
  expect([values.shape, indices.shape, indices.dtype]).toEqual([[2, 6], [2, 2], 'U8']);
  expect([...toFloat32(Uint8Array.from(await all(values)), 'F32')]).toEqual([5, 7, 0, 3, 0, 0, 1, 2, 4, 6, 8, 9]);
  // Groups by hand: (1, 3), (0, 3), (0, 1); then (0, 1), (2, 3), (0, 3). Each first + 4 · second, two to a byte.
  expect(await all(indices)).toEqual([1 + 4 * 3 + 16 * (0 + 4 * 3), 0 + 4 * 1, 0 + 4 * 1 + 16 * (2 + 4 * 3), 0 + 4 * 3]);
});

test('a third value in a group is found where it is, and only matrices of fours are packed', async () => {
  const crowded = matrix([...Array.from({ length: 12 }, () => 0), 1, 0, 2, 3], [2, 8]);
  expect(await crowdedGroup(crowded)).toEqual({ row: 1, input: 4 });
  await expect(all(packedTwoOfFour(crowded)[0])).rejects.toMatchObject({ code: 'CHECKPOINT_PACKED' });
  const fits = (shape: number[], dtype: Dtype): boolean => canBePacked({ name: 'a', shape, dtype });
  expect([fits([2, 8], 'BF16'), fits([2, 6], 'F32'), fits([8], 'F32'), fits([2, 8], 'F64'), fits([0, 4], 'F32')]).toEqual([true, false, false, false, false]);
});

test('what the family stores turned is turned back', async () => {
  const read = await openFolder(await saved(packedTwoOfFour(matrix([1, 2, 0, 0, 0, 0, 3, 4], [2, 4])), true));
  expect(read.tensors.get('a.weight')!.shape).toEqual([4, 2]);
  expect([...toFloat32(await readBytes(read, 'a.weight'), 'F32')]).toEqual([1, 0, 2, 0, 0, 3, 0, 4]);
  await read.close();
});

test('the folder says what it is, and what is read does not any more', async () => {
  const folder = await saved(packedTwoOfFour(matrix([1, 0, 0, 2], [1, 4])));
  expect(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))).toMatchObject({ quantization_config: { quant_method: 'chop-2:4' } });
  const file = await openSafetensors(join(folder, 'model.safetensors'));
  expect([...file.tensors.values()].map((info) => byteLength(info))).toEqual([2 * DTYPE_BYTES.F32, 1]);
  await file.close();
  const read = await openFolder(folder);
  expect(read.config).not.toHaveProperty('quantization_config');
  await read.close();
});

describe('a packed matrix is refused', () => {
  const [values, indices] = packedTwoOfFour(matrix([1, 0, 0, 2, 0, 3, 0, 4], [1, 8]));
  test.each([
    ['without its values', [indices]],
    ['with indices of another length', [values, { ...indices, shape: [1, 2] }]],
    ['with values of another shape', [{ ...values, shape: [1, 3] }, indices]],
    ['with values that are no floats', [{ ...values, dtype: 'I32' as const }, indices]],
  ] as const)('%s', async (_, tensors) => {
    const padded = tensors.map((tensor) => ({
      ...tensor,
      async *pieces() {
        yield new Uint8Array(byteLength(tensor));
      },
    }));
    await expect(openFolder(await saved(padded))).rejects.toMatchObject({ code: 'CHECKPOINT_PACKED' });
  });

  test('whose indices do not rise', async () => {
    const folder = await saved([values, indices]);
    const file = join(folder, 'model.safetensors');
    const bytes = await readFile(file);
    bytes[bytes.length - 1] = 0b01_01_11_00; // (0, 3), (1, 1)
    await writeFile(file, bytes);
    const read = await openFolder(folder);
    await expect(readBytes(read, 'a.weight')).rejects.toMatchObject({ code: 'CHECKPOINT_PACKED', message: expect.stringContaining('1 and 1') as unknown });
    await read.close();
  });
});
