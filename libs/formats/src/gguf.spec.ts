import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES, readBytes, toFloat32 } from '@chop/core';
import fc from 'fast-check';
import { type GgufCheckpoint, openGguf } from './gguf.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-gguf-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: number | bigint): Buffer => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const text = (value: string): Buffer => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
/** float16 bits, little-endian. */
const half = (bits: number): number[] => [bits & 255, bits >> 8];
const ONE = half(0x3c00);
const MINUS_TWO = half(0xc000);
const EIGHTH = half(0x3000);

interface Tensor {
  name: string;
  sizes: (number | bigint)[];
  type: number;
  offset: number | bigint;
}
interface Parts {
  magic?: string;
  version?: number;
  keys?: Buffer[];
  keyCount?: number | bigint;
  tensors?: Tensor[];
  tensorCount?: number | bigint;
  alignment?: number;
  data?: Uint8Array | number[];
}

/** A GGUF file as its description lays it out. */
function gguf({
  magic = 'GGUF',
  version = 3,
  keys = [],
  keyCount = keys.length,
  tensors = [],
  tensorCount = tensors.length,
  alignment = 32,
  data = [],
}: Parts): Buffer {
  const described = tensors.map(({ name, sizes, type, offset }) => Buffer.concat([text(name), u32(sizes.length), ...sizes.map(u64), u32(type), u64(offset)]));
  const header = Buffer.concat([Buffer.from(magic), u32(version), u64(tensorCount), u64(keyCount), ...keys, ...described]);
  return Buffer.concat([header, Buffer.alloc(-header.length & (alignment - 1)), Buffer.from(data)]);
}

async function opened(parts: Parts | Buffer): Promise<GgufCheckpoint> {
  const file = join(folder, 'model.gguf');
  await writeFile(file, Buffer.isBuffer(parts) ? parts : gguf(parts));
  return openGguf(file);
}

const key = (name: string, type: number, value: Buffer | number[]): Buffer => Buffer.concat([text(name), u32(type), Buffer.from(value)]);
const floats = async (checkpoint: GgufCheckpoint, name: string): Promise<number[]> => [
  ...toFloat32(await readBytes(checkpoint, name), checkpoint.tensors.get(name)!.dtype),
];

test.each([2, 3])('every value type of version %i comes as it was written', async (version) => {
  const checkpoint = await opened({
    version,
    keys: [
      key('u8', 0, [200]),
      key('i8', 1, [0xfe]),
      key('u16', 2, [1, 2]),
      key('i16', 3, [0xff, 0xff]),
      key('u32', 4, u32(4_000_000_000)),
      key('i32', 5, [0xff, 0xff, 0xff, 0xff]),
      key('f32', 6, [0, 0, 0xc0, 0x3f]),
      key('bool', 7, [1]),
      key('text', 8, text('ü\n')),
      key('u64', 10, u64(2n ** 53n)),
      key('i64', 11, Buffer.alloc(8, 0xff)),
      key('f64', 12, Buffer.from(Float64Array.of(0.1).buffer)),
      key('texts', 9, Buffer.concat([u32(8), u64(2), text('a'), text('')])),
      key('lists', 9, Buffer.concat([u32(9), u64(1), u32(0), u64(2), Buffer.from([7, 8])])),
    ],
  });
  expect(checkpoint.config).toEqual({
    gguf: {
      u8: 200,
      i8: -2,
      u16: 513,
      i16: -1,
      u32: 4_000_000_000,
      i32: -1,
      f32: 1.5,
      bool: true,
      text: 'ü\n',
      u64: '9007199254740992',
      i64: -1,
      f64: 0.1,
      texts: ['a', ''],
      lists: [[7, 8]],
    },
  });
  expect(checkpoint.companions.size).toBe(0);
  await checkpoint.close();
});

test('plain tensors keep their bytes and dtype; shapes are row-major, in the order of the data', async () => {
  const data = Uint8Array.from({ length: 160 }, (_, i) => i);
  const checkpoint = await opened({
    tensors: [
      { name: 'half', sizes: [4, 2], type: 1, offset: 32 },
      { name: 'full', sizes: [3, 2, 1], type: 0, offset: 0 },
      { name: 'brain', sizes: [5], type: 30, offset: 64 },
      { name: 'scalar', sizes: [], type: 0, offset: 96 },
    ],
    data,
  });
  expect([...checkpoint.tensors.values()]).toEqual([
    { name: 'full', shape: [1, 2, 3], dtype: 'F32' },
    { name: 'half', shape: [2, 4], dtype: 'F16' },
    { name: 'brain', shape: [5], dtype: 'BF16' },
    { name: 'scalar', shape: [], dtype: 'F32' },
  ]);
  expect([...(await readBytes(checkpoint, 'half'))]).toEqual([...data.subarray(32, 48)]);
  expect([...(await readBytes(checkpoint, 'brain'))]).toEqual([...data.subarray(64, 74)]);
  await checkpoint.close();
});

test('Q8_0: thirty-two signed bytes times the scale', async () => {
  const quants = Array.from({ length: 32 }, (_, i) => (i * 9 - 128) & 255);
  const checkpoint = await opened({ tensors: [{ name: 'w', sizes: [32], type: 8, offset: 0 }], data: [...EIGHTH, ...quants] });
  expect(checkpoint.tensors.get('w')).toEqual({ name: 'w', shape: [32], dtype: 'F32', stored: { form: 'q8_0', bytes: 34 } });
  expect(await floats(checkpoint, 'w')).toEqual(Array.from({ length: 32 }, (_, i) => (i * 9 - 128 > 127 ? i * 9 - 384 : i * 9 - 128) / 8));
  await checkpoint.close();
});

test('Q4_0: low nibbles are the first half, high nibbles the second, both minus eight', async () => {
  const nibbles = Array.from({ length: 16 }, (_, i) => i | ((15 - i) << 4));
  const checkpoint = await opened({ tensors: [{ name: 'w', sizes: [32, 1], type: 2, offset: 0 }], data: [...MINUS_TWO, ...nibbles] });
  expect((await floats(checkpoint, 'w')).map((value) => value + 0)).toEqual(
    [...Array.from({ length: 16 }, (_, i) => -2 * (i - 8)), ...Array.from({ length: 16 }, (_, i) => -2 * (7 - i))].map((value) => value + 0),
  );
  await checkpoint.close();
});

test('Q4_1: nibbles times the scale plus the minimum, rounded once to float32', async () => {
  const nibbles = Array.from({ length: 16 }, (_, i) => i | ((15 - i) << 4));
  // Scale 1024 + 1 = 0x6401, minimum 2⁻²⁴ = 0x0001: 15 · 1025 + 2⁻²⁴ does not fit into 24 bits and is rounded.
  const blocks = [...ONE, ...MINUS_TWO, ...nibbles, ...half(0x6401), ...half(0x0001), ...nibbles];
  const checkpoint = await opened({ tensors: [{ name: 'w', sizes: [64], type: 3, offset: 0 }], data: blocks });
  const values = await floats(checkpoint, 'w');
  expect(values.slice(0, 32)).toEqual([...Array.from({ length: 16 }, (_, i) => i - 2), ...Array.from({ length: 16 }, (_, i) => 13 - i)]);
  expect([values[32], values[33], values[47]]).toEqual([2 ** -24, 1025, 15 * 1025]);
  await checkpoint.close();
});

test('any range of a dequantised tensor is the same bytes as of the whole, in pieces of at most 4 MiB', async () => {
  const blocks = 40_000;
  const data = Buffer.alloc(blocks * 20);
  for (let i = 0; i < data.length; i++) data[i] = i % 20 === 1 || i % 20 === 3 ? 0x2c : (i * 37 + (i >> 8)) & 255;
  const checkpoint = await opened({ tensors: [{ name: 'w', sizes: [32 * 100, blocks / 100], type: 3, offset: 0 }], data });
  const whole = await readBytes(checkpoint, 'w');
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length), fc.nat(whole.length), async (a, b) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      const pieces: Buffer[] = [];
      for await (const piece of checkpoint.stream('w', from, to)) pieces.push(Buffer.from(piece));
      expect(Math.max(0, ...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(CHUNK_BYTES);
      expect(Buffer.compare(Buffer.concat(pieces), whole.subarray(from, to))).toBe(0);
    }),
    { numRuns: 25 },
  );
  await checkpoint.close();
});

test('data start at the alignment that the file names', async () => {
  const checkpoint = await opened({
    alignment: 128,
    keys: [key('general.alignment', 4, u32(128))],
    tensors: [
      { name: 'a', sizes: [1], type: 0, offset: 0 },
      { name: 'b', sizes: [1], type: 0, offset: 128 },
    ],
    data: [...new Uint8Array(128), 0, 0, 0x80, 0x3f],
  });
  expect(await floats(checkpoint, 'b')).toEqual([1]);
  await checkpoint.close();
});

const w: Tensor = { name: 'w', sizes: [32], type: 8, offset: 0 };
const zeros = (count: number): number[] => new Array<number>(count).fill(0);

describe('a header that lies is refused with what is wrong', () => {
  test.each<[what: string, parts: Parts, code: string, says: RegExp]>([
    ['another format', { magic: 'PK\u0003\u0004' }, 'CHECKPOINT_HEADER', /no GGUF file/],
    ['version 1', { version: 1 }, 'CHECKPOINT_HEADER', /version 1/],
    ['a big-endian file', { version: 0x03000000 }, 'CHECKPOINT_HEADER', /big-endian/],
    ['a huge count of tensors', { tensorCount: 2n ** 40n }, 'CHECKPOINT_HEADER', /1099511627776 tensors/],
    ['a count of tensors beyond whole numbers', { tensorCount: 2n ** 64n - 1n }, 'CHECKPOINT_HEADER', /18446744073709551615/],
    ['a huge count of keys', { keyCount: 2n ** 33n }, 'CHECKPOINT_HEADER', /8589934592 keys/],
    ['more keys than the file holds', { keyCount: 5 }, 'CHECKPOINT_TRUNCATED', /header goes on/],
    ['a text longer than the file', { keys: [key('k', 8, u64(1_000_000))] }, 'CHECKPOINT_TRUNCATED', /header goes on/],
    ['a text longer than any text', { keys: [key('k', 8, u64(2n ** 40n))] }, 'CHECKPOINT_HEADER', /1099511627776 bytes for k/],
    ['a list longer than the file', { keys: [key('k', 9, Buffer.concat([u32(10), u64(1_000_000)]))] }, 'CHECKPOINT_TRUNCATED', /header goes on/],
    ['a list longer than any list', { keys: [key('k', 9, Buffer.concat([u32(0), u64(2n ** 50n)]))] }, 'CHECKPOINT_HEADER', /elements of k/],
    [
      'lists in lists in lists',
      { keys: [key('k', 9, Buffer.concat(Array.from({ length: 100 }, () => Buffer.concat([u32(9), u64(1)]))))] },
      'CHECKPOINT_HEADER',
      /nested/,
    ],
    ['an unknown value type', { keys: [key('k', 13, [0])] }, 'CHECKPOINT_HEADER', /value type 13/],
    ['a truth value of two', { keys: [key('k', 7, [2])] }, 'CHECKPOINT_HEADER', /byte 2/],
    ['a text that is not UTF-8', { keys: [key('k', 8, Buffer.concat([u64(2), Buffer.from([0xff, 0xfe])]))] }, 'CHECKPOINT_HEADER', /UTF-8/],
    ['a key twice', { keys: [key('k', 0, [1]), key('k', 0, [2])] }, 'CHECKPOINT_HEADER', /"k" twice/],
    ['an alignment of zero', { keys: [key('general.alignment', 4, u32(0))] }, 'CHECKPOINT_HEADER', /alignment 0/],
    ['an alignment that is no power of two', { keys: [key('general.alignment', 4, u32(24))] }, 'CHECKPOINT_HEADER', /alignment 24/],
    ['an unknown ggml type', { tensors: [{ ...w, type: 99 }], data: zeros(64) }, 'CHECKPOINT_DTYPE', /w stored as ggml type 99/],
    [
      'a ggml type that is not read',
      { tensors: [{ ...w, type: 16 }], data: zeros(64) },
      'CHECKPOINT_DTYPE',
      /w stored as IQ2_XXS.*expected F32, F16, BF16, Q4_0, Q4_1, Q8_0, Q5_0, Q5_1, Q2_K/,
    ],
    ['five dimensions', { tensors: [{ ...w, sizes: [1, 1, 1, 1, 32] }], data: zeros(64) }, 'CHECKPOINT_HEADER', /5 dimensions/],
    ['a size of zero', { tensors: [{ ...w, sizes: [32, 0] }], data: zeros(64) }, 'CHECKPOINT_SHAPE', /32, 0/],
    ['sizes whose product wraps around 64 bits', { tensors: [{ ...w, sizes: [2n ** 33n, 2n ** 33n] }], data: zeros(64) }, 'CHECKPOINT_SHAPE', /w of/],
    ['a size beyond whole numbers', { tensors: [{ ...w, sizes: [2n ** 63n] }], data: zeros(64) }, 'CHECKPOINT_HEADER', /a size of w/],
    ['a row of half a block', { tensors: [{ ...w, sizes: [48] }], data: zeros(64) }, 'CHECKPOINT_SHAPE', /whole blocks of 32/],
    ['a tensor past the end', { tensors: [{ ...w, offset: 32 }], data: zeros(64) }, 'CHECKPOINT_TRUNCATED', /tensor w ends there/],
    ['an offset beyond whole numbers', { tensors: [{ ...w, offset: 2n ** 64n - 32n }], data: zeros(64) }, 'CHECKPOINT_HEADER', /offset of w/],
    ['an offset off the alignment', { tensors: [{ ...w, offset: 4 }], data: zeros(64) }, 'CHECKPOINT_HEADER', /alignment 32/],
    ['two tensors on the same bytes', { tensors: [w, { ...w, name: 'v', offset: 32 }], data: zeros(96) }, 'CHECKPOINT_OVERLAP', /where w ends/],
    ['a tensor twice', { tensors: [w, { ...w, offset: 64 }], data: zeros(128) }, 'CHECKPOINT_HEADER', /two tensors named w/],
    ['a tensor named like a path', { tensors: [{ ...w, name: '../../w' }], data: zeros(64) }, 'CHECKPOINT_NAME', /"\.\.\/\.\.\/w"/],
    ['a tensor name with a control character', { tensors: [{ ...w, name: 'w\n' }], data: zeros(64) }, 'CHECKPOINT_NAME', /w\\n/],
    ['a part of a split model', { keys: [key('split.count', 2, [3, 0])] }, 'CHECKPOINT_SPLIT', /one of 3 parts/],
  ])('%s', async (_, parts, code, says) => {
    const error = await opened(parts).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code, exitCode: 2, message: expect.stringMatching(says) as unknown });
  });
});

test('a file cut anywhere is refused', async () => {
  const whole = gguf({ keys: [key('k', 8, text('value')), key('l', 9, Buffer.concat([u32(4), u64(2), u32(1), u32(2)]))], tensors: [w], data: zeros(34) });
  for (let length = 0; length < whole.length; length++) {
    await expect(opened(Buffer.from(whole.subarray(0, length)))).rejects.toMatchObject({ name: 'CheckpointError' });
  }
  await (await opened(whole)).close();
});

test('any bytes in the header are either read or refused with a checkpoint error', async () => {
  const whole = gguf({
    keys: [key('k', 8, text('value')), key('l', 9, Buffer.concat([u32(4), u64(2), u32(1), u32(2)]))],
    tensors: [w, { ...w, name: 'v', offset: 64 }],
    data: zeros(128),
  });
  const changes = fc.array(fc.tuple(fc.nat(whole.length - 129), fc.nat(255)), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(changes, async (list) => {
      const bytes = Buffer.from(whole);
      for (const [at, byte] of list) bytes[at] = byte;
      const outcome = await opened(bytes).then(
        (checkpoint) => checkpoint.close().then(() => 'read'),
        (error: Error) => error.name,
      );
      expect(['read', 'CheckpointError']).toContain(outcome);
    }),
    { numRuns: 400 },
  );
});

test('a header larger than the first read is read whole', async () => {
  const words = Buffer.concat(Array.from({ length: 60_000 }, (_, i) => text(`${'x'.repeat(70)}${i}`)));
  const checkpoint = await opened({ keys: [key('words', 9, Buffer.concat([u32(8), u64(60_000), words])), key('last', 0, [9])] });
  expect(words.length).toBeGreaterThan(4 << 20);
  expect(checkpoint.metadata.get('last')).toBe(9);
  expect((checkpoint.metadata.get('words') as string[]).at(-1)).toBe(`${'x'.repeat(70)}59999`);
  await checkpoint.close();
});
