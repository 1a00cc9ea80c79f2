import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parquetRows, type ParquetRow } from './parquet.js';
import { openRecords } from './records.js';
import { openDocuments } from './text.js';

/** Files of pyarrow: tools/reference/parquet.py, whose rows are told here again. */
const golden = (name: string): string => fileURLToPath(new URL(`../test/parquet/${name}.parquet`, import.meta.url));
const ROWS = Array.from({ length: 40 }, (_, i) => i);
const text = (i: number): string =>
  `${i} ${[...'né🙂 ']
    .slice(0, i % 5)
    .join('')
    .repeat(3)}`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-parquet-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const value of values) list.push(value);
  return list;
}

async function rows(file: string, column?: string): Promise<ParquetRow[]> {
  return all(parquetRows(file, column));
}

test.each(['none', 'snappy', 'gzip', 'brotli', 'zstd', 'lz4'])('rows of a file packed with %s, across row groups', async (codec) => {
  expect(await rows(golden(codec))).toEqual(ROWS.map((i) => ({ value: { id: i % 2 ? String(2n ** 60n + BigInt(i)) : i, text: text(i) }, row: i + 1 })));
});

test('every kind of column, small pages, an offset index: values as JSON has them', async () => {
  const found = await all(openRecords(golden('kinds')));
  expect(found.map(({ value }) => value)).toEqual(
    ROWS.map((i) => ({
      id: i % 2 ? String(2n ** 60n + BigInt(i)) : i,
      text: text(i),
      label: i % 3,
      score: i / 8,
      choices: { text: ['a', `b${i}`], label: ['A', 'B'] },
      messages: [
        { role: 'user', content: `Q${i}` },
        { role: 'assistant', content: `A${i}` },
      ],
      day: new Date(Date.UTC(2026, 0, 1 + (i % 28))).toISOString(),
      gap: i % 2 ? null : `g${i}`,
    })),
  );
  expect(found.at(-1)).toMatchObject({ file: golden('kinds'), line: 40 });
});

test('documents: a column as text, conversations, a mix with other kinds', async () => {
  const file = golden('kinds');
  expect((await all(openDocuments([file]))).map(({ text }) => text)).toEqual(ROWS.map(text));
  const chats = await all(openDocuments([file], { chat: true }));
  expect(chats[3]).toEqual({ messages: [expect.objectContaining({ content: 'Q3' }), expect.objectContaining({ content: 'A3' })], file, line: 4 });
  const lines = join(folder, 'more.jsonl');
  await writeFile(lines, '{"text": "more"}\n');
  expect(new Set((await all(openDocuments([`${file}=3`, `${lines}=1`]))).map(({ file }) => file))).toEqual(new Set([file, lines]));
});

test('only the column that is asked for is read', async () => {
  const bytes = await readFile(golden('none'));
  // The ids of the first row group: what stands before its texts. Nothing of them is needed for the texts.
  bytes.fill(0xff, 4, 60);
  const file = join(folder, 'ids-broken.parquet');
  await writeFile(file, bytes);
  expect((await rows(file, 'text')).map(({ value }) => value['text'])).toEqual(ROWS.map(text));
  await expect(rows(file, 'id')).rejects.toMatchObject({ code: 'DATA_BROKEN', facts: { file, line: 1 } });
});

test('a column that is not there: those there are are named, and the nearest', async () => {
  await expect(all(openDocuments([`${golden('kinds')}#texts`]))).rejects.toMatchObject({
    code: 'DATA_FIELD',
    message: expect.stringMatching(/found the columns id, text, label, .*expected a column texts.*FILE#text/) as unknown,
  });
  await expect(all(openDocuments([`${golden('kinds')}#role`]))).rejects.toMatchObject({
    code: 'DATA_FIELD',
    message: expect.stringMatching(/role within the column messages only/) as unknown,
  });
});

test('a column that holds no text, a group of columns, and nothing', async () => {
  for (const [field, says] of [
    ['label', /kinds\.parquet:1: found the field label holding a number/],
    ['choices', /the field choices holding an object/],
    ['gap', /kinds\.parquet:2: found the field gap holding null/],
  ] as const)
    await expect(all(openDocuments([`${golden('kinds')}#${field}`]))).rejects.toMatchObject({
      code: 'DATA_FIELD',
      message: expect.stringMatching(says) as unknown,
    });
});

test.each<[what: string, change: (bytes: Buffer) => Buffer, code: string, says: RegExp]>([
  ['a file cut short', (bytes) => bytes.subarray(0, 900), 'DATA_BROKEN', /no PAR1 at the end: it is cut short/],
  ['no parquet', () => Buffer.from('{"text": "a line of JSON"}\n'), 'DATA_BROKEN', /other first bytes than PAR1/],
  ['an empty file', () => Buffer.alloc(0), 'DATA_BROKEN', /0 bytes/],
  ['encrypted metadata', (bytes) => Buffer.concat([bytes.subarray(0, -4), Buffer.from('PARE')]), 'DATA_ENCRYPTED', /metadata that is encrypted/],
  ['a length that lies', (bytes) => (bytes.writeUInt32LE(0x7fffffff, bytes.length - 8), bytes), 'DATA_BROKEN', /length/],
  ['a broken page', (bytes) => bytes.fill(0xff, 30, 200), 'DATA_BROKEN', /snappy|.*:1: found data that cannot be read/],
  [
    'a column that the schema does not have',
    (bytes) => (bytes.write('tixt', bytes.lastIndexOf('text'), 'latin1'), bytes),
    'DATA_BROKEN',
    /a column (text|tixt) that the schema does not have/,
  ],
  // `schema` has two columns (field 5 of its element, i32).
  [
    'a schema with fewer columns than it says',
    (bytes) => replaced(bytes, [...Buffer.from('schema'), 0x15, 0x04], [...Buffer.from('schema'), 0x15, 0x06]),
    'DATA_BROKEN',
    /cannot be read/,
  ],
  // Codec 1 (field 4 of the metadata of a column, i32) becomes LZO.
  [
    'a codec that nobody reads',
    (bytes) => replaced(bytes, [0x15, 0x02, 0x16, 0x20], [0x15, 0x06, 0x16, 0x20]),
    'DATA_CODEC',
    /packed with LZO, expected UNCOMPRESSED, SNAPPY/,
  ],
])('%s is refused', async (what, change, code, says) => {
  const file = join(folder, `${what.replaceAll(' ', '-')}.parquet`);
  await writeFile(file, change(await readFile(golden('snappy'))));
  await expect(rows(file)).rejects.toMatchObject({ code, message: expect.stringMatching(says) as unknown, facts: { file } });
});

// The first page of `kinds` is of the second version: its kind at 5, nulls at 16, rows at 18, lengths of levels from 21 on; the offset index of its column at 4365.
test.each<[what: string, at: number, byte: number, says: RegExp]>([
  ['a page without a size', 887, 0, /a page of undefined/],
  ['a page of another kind than its header', 5, 0, /a page of undefined values at 4/],
  ['more nulls than values', 16, 34, /a page of 17 nulls in 16 values at 4/],
  ['more rows than values', 18, 34, /a page of 17 rows with 16 values at 4/],
  ['levels without a length, which the library reads for ever', 23, 0x25, /levels of undefined and 2 bytes at 4/],
  ['levels of less than no bytes', 22, 1, /levels of 0 and -1 bytes at 4/],
  ['a run of more values than the page has', 28, 0x7e, /a run of 63 values where 16 are left/],
  ['an offset index to where no page is', 4368, 10, /an offset index with a page of 104 bytes at 5/],
  ['an offset index without the first rows', 4373, 2, /an offset index with a page from row 1 on/],
])('%s is refused before anything is unpacked', async (_, at, byte, says) => {
  const file = join(folder, `changed-${at}.parquet`);
  const bytes = await readFile(golden('kinds'));
  bytes[at] = byte;
  await writeFile(file, bytes);
  await expect(rows(file)).rejects.toMatchObject({ code: 'DATA_BROKEN', message: expect.stringMatching(says) as unknown });
});

function replaced(bytes: Buffer, from: readonly number[], to: readonly number[]): Buffer {
  const at = bytes.lastIndexOf(Buffer.from(from));
  expect(at).toBeGreaterThan(0);
  bytes.set(to, at);
  return bytes;
}
