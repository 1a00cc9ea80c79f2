import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES, DTYPE_BYTES, type Dtype, elementCount } from '@chop/core';
import fc from 'fast-check';
import { openSafetensors, type TensorSource, writeSafetensors } from './safetensors.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-safetensors-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file as the format's description has it: length, header, data. */
async function handWritten(header: unknown, dataBytes: number, length?: bigint): Promise<string> {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(json.length));
  const file = join(folder, 'hand.safetensors');
  await writeFile(file, Buffer.concat([prefix, json, Buffer.from(Array.from({ length: dataBytes }, (_, i) => i & 0xff))]));
  return file;
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(Buffer.from(piece));
  return Buffer.concat(all);
}

function source(name: string, shape: readonly number[], dtype: Dtype, bytes: Uint8Array, pieceBytes = 7): TensorSource {
  return {
    name,
    shape,
    dtype,
    async *pieces() {
      for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
    },
  };
}

test('a file written by hand is read as its header says, in the order of its data', async () => {
  const file = await handWritten(
    {
      __metadata__: { format: 'pt' },
      b: { dtype: 'BF16', shape: [3], data_offsets: [8, 14] },
      a: { dtype: 'F32', shape: [1, 2], data_offsets: [0, 8] },
      empty: { dtype: 'I64', shape: [0, 4], data_offsets: [14, 14] },
    },
    14,
  );
  const opened = await openSafetensors(file);
  expect([...opened.tensors.keys()]).toEqual(['a', 'b', 'empty']);
  expect(opened.tensors.get('a')).toMatchObject({ shape: [1, 2], dtype: 'F32' });
  expect(opened.metadata).toEqual({ format: 'pt' });
  expect([...(await collect(opened.stream('b')))]).toEqual([8, 9, 10, 11, 12, 13]);
  expect([...(await collect(opened.stream('a', 3, 5)))]).toEqual([3, 4]);
  expect(await collect(opened.stream('empty'))).toHaveLength(0);
  expect(() => opened.stream('a', 0, 9)).toThrow(expect.objectContaining({ code: 'CHECKPOINT_RANGE' }));
  await opened.close();
});

test('whatever is written is read back: names, shapes, dtypes, bytes, metadata; the data start at a multiple of eight', async () => {
  const path = join(folder, 'property.safetensors');
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
    .filter((text) => !/[\p{Cc}\\/]|^\.+$|^[a-z]:/iu.test(text) && text !== '__metadata__');
  const dtype = fc.constantFrom(...(Object.keys(DTYPE_BYTES) as Dtype[]));
  const tensor = fc.record({
    name,
    dtype,
    shape: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }),
    seed: fc.nat(255),
    pieceBytes: fc.integer({ min: 1, max: 600_000 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(tensor, { selector: (one) => one.name, maxLength: 8 }),
      fc.dictionary(fc.string(), fc.string()),
      async (tensors, metadata) => {
        const written = tensors.map((one) => ({
          ...one,
          bytes: Uint8Array.from({ length: elementCount(one.shape) * DTYPE_BYTES[one.dtype] }, (_, i) => (one.seed + i) & 0xff),
        }));
        await writeSafetensors(
          path,
          written.map((one) => source(one.name, one.shape, one.dtype, one.bytes, one.pieceBytes)),
          { metadata },
        );
        const opened = await openSafetensors(path);
        expect((await readFile(path)).readBigUInt64LE() % 8n).toBe(0n);
        expect(Object.entries(opened.metadata).sort()).toEqual(Object.entries(metadata).sort());
        expect(opened.tensors.size).toBe(written.length);
        for (const { name: known, shape, dtype: type, bytes } of written) {
          expect(opened.tensors.get(known)).toMatchObject({ shape, dtype: type });
          expect(opened.tensors.get(known)!.from % DTYPE_BYTES[type]).toBe(0);
          expect(await collect(opened.stream(known))).toEqual(Buffer.from(bytes));
        }
        await opened.close();
      },
    ),
    { numRuns: 60 },
  );
});

test('a tensor larger than a piece comes in pieces of at most 4 MiB, and any range of it is the same bytes', async () => {
  const bytes = Uint8Array.from({ length: 2 * CHUNK_BYTES + 12 }, (_, i) => (i * 31 + (i >> 12)) & 0xff);
  const path = join(folder, 'large.safetensors');
  await writeSafetensors(path, [source('w', [bytes.length / 4], 'F32', bytes, 1 << 20)]);
  const opened = await openSafetensors(path);
  const sizes: number[] = [];
  for await (const piece of opened.stream('w')) sizes.push(piece.byteLength);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(CHUNK_BYTES);
  expect(sizes.at(-1)).toBe(12);
  expect(Buffer.compare(await collect(opened.stream('w', 5, CHUNK_BYTES + 77)), bytes.subarray(5, CHUNK_BYTES + 77))).toBe(0);
  await opened.close();
});

const one = (entry: object): object => ({ w: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...entry } });

describe('a header that lies is refused with what is wrong', () => {
  test.each<[what: string, header: unknown, dataBytes: number, code: string, says: RegExp]>([
    ['offsets past the end', one({ shape: [4], data_offsets: [0, 16] }), 8, 'CHECKPOINT_TRUNCATED', /tensor w ends there/],
    ['offsets backwards', one({ data_offsets: [8, 0] }), 8, 'CHECKPOINT_HEADER', /begin ≤ end/],
    ['offsets that are no whole numbers', one({ data_offsets: [0, 8.5] }), 8, 'CHECKPOINT_HEADER', /8\.5/],
    ['negative offsets', one({ data_offsets: [-8, 0] }), 8, 'CHECKPOINT_HEADER', /-8/],
    ['three offsets', one({ data_offsets: [0, 4, 8] }), 8, 'CHECKPOINT_HEADER', /data_offsets/],
    ['no offsets', one({ data_offsets: undefined }), 8, 'CHECKPOINT_HEADER', /undefined/],
    [
      'two tensors on the same bytes',
      { a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] }, b: { dtype: 'F32', shape: [2], data_offsets: [4, 12] } },
      12,
      'CHECKPOINT_OVERLAP',
      /b starting at byte/,
    ],
    [
      'a hole between tensors',
      { a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] }, b: { dtype: 'F32', shape: [1], data_offsets: [8, 12] } },
      12,
      'CHECKPOINT_HOLE',
      /4 bytes after a/,
    ],
    ['bytes behind the last tensor', one({}), 11, 'CHECKPOINT_HOLE', /3 bytes after w/],
    ['a shape that needs other bytes', one({ shape: [3] }), 8, 'CHECKPOINT_SHAPE', /expected 12 bytes/],
    ['a huge count', one({ shape: [9_007_199_254_740_991, 9_007_199_254_740_991] }), 8, 'CHECKPOINT_SHAPE', /w/],
    ['a count beyond whole numbers', '{"w":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,8]}}', 8, 'CHECKPOINT_HEADER', /shape/],
    [
      'a product that wraps around 64 bits to the right size',
      '{"w":{"dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,8]}}',
      8,
      'CHECKPOINT_SHAPE',
      /w/,
    ],
    ['a negative size', one({ shape: [-2] }), 8, 'CHECKPOINT_HEADER', /shape/],
    ['a shape that is no list', one({ shape: 2 }), 8, 'CHECKPOINT_HEADER', /shape/],
    ['an unknown dtype', one({ dtype: 'F4_E2M1' }), 8, 'CHECKPOINT_DTYPE', /"F4_E2M1".*expected F64, F32/],
    ['a dtype named like a method', one({ dtype: 'toString' }), 8, 'CHECKPOINT_DTYPE', /toString/],
    ['no dtype', one({ dtype: undefined }), 8, 'CHECKPOINT_DTYPE', /undefined/],
    ['an entry that is no object', { w: 3 }, 0, 'CHECKPOINT_HEADER', /entry for w/],
    ['metadata that are no texts', { __metadata__: { a: 1 } }, 0, 'CHECKPOINT_HEADER', /__metadata__/],
    [
      'the same tensor twice',
      '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
      8,
      'CHECKPOINT_JSON',
      /"w" twice/,
    ],
    [
      'the same tensor twice, once spelt by escapes',
      String.raw`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\u0077":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`,
      8,
      'CHECKPOINT_JSON',
      /"w" twice/,
    ],
    ['a header that is a list', '[]', 0, 'CHECKPOINT_HEADER', /start with \{/],
    ['broken JSON', '{"w":', 0, 'CHECKPOINT_JSON', /not JSON/],
    ['a path out of the folder', { '../../etc/passwd': { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, 8, 'CHECKPOINT_NAME', /passwd/],
    ['an absolute path', { '/etc/passwd': { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, 8, 'CHECKPOINT_NAME', /passwd/],
    ['a path of Windows', { 'C:\\x': { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, 8, 'CHECKPOINT_NAME', /C:/],
    ['a control character', { 'w\u001b[2J': { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, 8, 'CHECKPOINT_NAME', /\\u001b/],
    ['no name', { '': { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, 8, 'CHECKPOINT_NAME', /""/],
  ])('%s', async (_, header, dataBytes, code, says) => {
    const file = await handWritten(header, dataBytes);
    const error = await openSafetensors(file).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code, message: expect.stringMatching(says) as unknown });
    expect((error as Error).message).toContain(file);
  });

  test('a header longer than its limit, without reading it', async () => {
    await expect(openSafetensors(await handWritten('{}', 0, 1n << 62n))).rejects.toMatchObject({
      code: 'CHECKPOINT_HEADER',
      message: expect.stringContaining('4611686018427387904') as unknown,
    });
  });

  test('a header longer than the file', async () => {
    await expect(openSafetensors(await handWritten('{}', 0, 1000n))).rejects.toMatchObject({ code: 'CHECKPOINT_TRUNCATED' });
  });

  test('a header that is not UTF-8', async () => {
    const file = join(folder, 'bytes.safetensors');
    await writeFile(file, Buffer.from([4, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff, 0xfe, 0x7d]));
    await expect(openSafetensors(file)).rejects.toMatchObject({ code: 'CHECKPOINT_HEADER', message: expect.stringContaining('UTF-8') as unknown });
  });
});

test('a file cut anywhere is refused, never read in part', async () => {
  const whole = await readFile(
    await handWritten({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] }, b: { dtype: 'I8', shape: [3], data_offsets: [8, 11] } }, 11),
  );
  const file = join(folder, 'cut.safetensors');
  for (let length = 0; length < whole.length; length++) {
    await writeFile(file, whole.subarray(0, length));
    await expect(openSafetensors(file)).rejects.toMatchObject({ code: 'CHECKPOINT_TRUNCATED' });
  }
});

test('any header bytes are either read or refused with a checkpoint error', async () => {
  const valid = JSON.stringify({
    __metadata__: { k: 'v' },
    a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    b: { dtype: 'I8', shape: [3], data_offsets: [8, 11] },
  });
  const flips = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.constantFrom(...'{}[]":,0123456789-.eEab\\u\0'.split(''))), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(flips, async (changes) => {
      const text = valid.split('');
      for (const [at, character] of changes) text[at] = character;
      const outcome = await openSafetensors(await handWritten(text.join(''), 11)).then(
        (opened) => opened.close().then(() => 'read'),
        (error: Error) => error.name,
      );
      expect(['read', 'CheckpointError']).toContain(outcome);
    }),
    { numRuns: 300 },
  );
});

test('a file that is missing or a folder is named', async () => {
  await expect(openSafetensors(join(folder, 'none.safetensors'))).rejects.toMatchObject({
    code: 'CHECKPOINT_MISSING',
    facts: { file: join(folder, 'none.safetensors') },
  });
  await expect(openSafetensors(folder)).rejects.toMatchObject({ code: 'CHECKPOINT_READ', message: expect.stringContaining('a folder') as unknown });
});

test('pieces that are too many or too few for their shape are refused', async () => {
  const path = join(folder, 'pieces.safetensors');
  await expect(writeSafetensors(path, [source('w', [2], 'F32', new Uint8Array(7))])).rejects.toMatchObject({
    code: 'OUTPUT_SIZE',
    message: expect.stringContaining('7 bytes for w') as unknown,
  });
  await expect(writeSafetensors(path, [source('w', [2], 'F32', new Uint8Array(9))])).rejects.toMatchObject({
    code: 'OUTPUT_SIZE',
    message: expect.stringContaining('more than 8 bytes') as unknown,
  });
});

test('a writer does not write what a reader would refuse', async () => {
  const path = join(folder, 'names.safetensors');
  const bytes = new Uint8Array(4);
  await expect(writeSafetensors(path, [source('../w', [1], 'F32', bytes)])).rejects.toMatchObject({ code: 'CHECKPOINT_NAME' });
  await expect(writeSafetensors(path, [source('w', [1], 'F32', bytes), source('w', [1], 'F32', bytes)])).rejects.toMatchObject({ code: 'CHECKPOINT_HEADER' });
  await expect(writeSafetensors(path, [source('__metadata__', [1], 'F32', bytes)])).rejects.toMatchObject({ code: 'CHECKPOINT_HEADER' });
});
