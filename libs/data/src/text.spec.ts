import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseSource } from './data-source.js';
import { type Document, type DocumentOptions, openDocuments } from './text.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-data-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const file = join(folder, name);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, content);
  return file;
}

async function read(words: string | string[], options?: DocumentOptions): Promise<Document[]> {
  const documents: Document[] = [];
  for await (const document of openDocuments([words].flat(), options)) documents.push(document);
  return documents;
}

const textsOf = async (words: string | string[]): Promise<(string | undefined)[]> => (await read(words)).map(({ text }) => text);
const lines = (...texts: string[]): string => texts.map((text) => `${JSON.stringify({ text })}\n`).join('');

/** A frame of stored blocks (RFC 8878, section 3.1.1), with a window of 1 KiB. */
function zstd(content: string, blockBytes: number): Buffer {
  const bytes = Buffer.from(content);
  const blocks = Array.from({ length: Math.ceil(bytes.length / blockBytes) }, (_, i) => bytes.subarray(i * blockBytes, (i + 1) * blockBytes));
  const header = (length: number, last: boolean): Buffer => Buffer.from([(length << 3) | Number(last), length >> 5, length >> 13].map((byte) => byte & 255));
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0]), ...blocks.flatMap((block, i) => [header(block.length, i === blocks.length - 1), block])]);
}

/** 300 lines as zstd 1.5 packs them at level 19, with a checksum. */
const ZSTD_TEXTS =
  'KLUv/QRonQoARiE+FKAZisX47C1RVbxPK7t7J8+u3moFSAAuADAAhmE4nBWNbAzDWdHIxg1nRSMbNpwVjWzUcFY0skHDWdHIxgxnRSMbMpwVjWw8nBWNbDicFY0MsCBgAMFBgYFAwIAAQgIBgoBCZVmWZVmWZUmSJEmSJEmS4ziO4ziO4yiKoiiKoiiKu7u7u7uqqqqqqmEYhmEYAcuyLMvy/////7+7u7u7exzHcRzHcRwPDg4ODg4ODg4Onud5nud5nqdpmqZpmqZpBgALAhEyPDw8PDw8PDw8fN/3fd/3fd+2bdu2bdu2Xdd1Xdd1Xdc0TdM0TdM0Pc/zPM/zPM+yLEuBK6gRQPn9N+FLaxH8CkHFD2+SKImKqIiKqIiKqIRKqIRKqASqKqo6VVIlqoKqp+pUTYUJ7DDwZQyuxeCXZbgWg5+M4VoM/DKGa2Ewl+f3sq9lx1ahAX8VYQzs2g==';

test('a file of the zstd tool, and two of them one behind the other', async () => {
  const packed = Buffer.from(ZSTD_TEXTS, 'base64');
  const texts = Array.from({ length: 300 }, (_, i) => `line ${i + 1}`);
  expect(await textsOf(await write('tool.jsonl.zst', packed))).toEqual(texts);
  expect(await textsOf(await write('tools.jsonl.zst', Buffer.concat([packed, packed])))).toEqual([...texts, ...texts]);
});

test.each([
  ['a.jsonl', { pattern: 'a.jsonl' }],
  ['a.jsonl#body=3', { pattern: 'a.jsonl', field: 'body', weight: 3 }],
  ['x=1/a#b/c*.txt=0.5', { pattern: 'x=1/a#b/c*.txt', weight: 0.5 }],
])('%s is read as a source', (word, source) => {
  expect(parseSource(word)).toEqual(source);
});

test('text, JSON lines and JSON, packed or not; a text file is one document, empty texts are none', async () => {
  const jsonl = '\uFEFF{"text": "one"}\r\n\n{"text": ""}\n{"text": "a\u2028b"}';
  const json = '[{"text": "one"}, {"text": "a\u2028b"}]';
  for (const [name, content, texts] of [
    ['x.txt', '\uFEFFone\n\ntwo\n', ['one\n\ntwo\n']],
    ['x.jsonl', jsonl, ['one', 'a\u2028b']],
    ['x.json', json, ['one', 'a\u2028b']],
    ['y.json', '{"text": "alone"}', ['alone']],
  ] as const) {
    expect(await textsOf(await write(name, content))).toEqual(texts);
    expect(await textsOf(await write(`${name}.gz`, gzipSync(content)))).toEqual(texts);
    for (const blockBytes of [5, 1000]) expect(await textsOf(await write(`${name}.zst`, zstd(content, blockBytes)))).toEqual(texts);
  }
});

test('documents know their line, whatever the pieces in which a file is read', async () => {
  const texts = Array.from({ length: 3000 }, (_, i) => `${'🙂é'.repeat(i % 60)}${i}`);
  const documents = await read(await write('long.jsonl', lines(...texts)));
  expect(documents.map(({ text }) => text)).toEqual(texts);
  expect(documents.map(({ line }) => line)).toEqual(texts.map((_, i) => i + 1));
});

test('another field, and conversations', async () => {
  const turns = [{ role: 'user', content: 'Hi' }];
  const file = await write('fields.jsonl', `${JSON.stringify({ body: 'B', messages: turns })}\n`);
  expect(await textsOf(`${file}#body`)).toEqual(['B']);
  expect(await read(file, { chat: true })).toEqual([{ messages: turns, file, line: 1 }]);
});

test('globs go through folders in the order of names', async () => {
  for (const name of ['g/b.txt', 'g/a.txt', 'g/c.md', 'g/deep/er/a.txt', 'g/deep/d.txt.gz']) await write(name, name.endsWith('.gz') ? gzipSync(name) : name);
  expect(await textsOf(join(folder, 'g/*.txt'))).toEqual(['g/a.txt', 'g/b.txt']);
  expect(await textsOf(join(folder, 'g/**/?.txt'))).toEqual(['g/a.txt', 'g/b.txt', 'g/deep/er/a.txt']);
  expect(await textsOf(join(folder, 'g/{b,deep/d}.txt*'))).toEqual(['g/b.txt', 'g/deep/d.txt.gz']);
  expect(await textsOf(join(folder, 'g/[!b].txt'))).toEqual(['g/a.txt']);
});

test('weights: each source has its share of the characters all along, the short one again and again, until all were read once', async () => {
  const long = await write('long-texts.jsonl', lines(...Array.from({ length: 40 }, (_, i) => `${i}`.padEnd(100, '.'))));
  const short = await write('short-texts.jsonl', lines('a'.repeat(10), 'b'.repeat(10)));
  const documents = await read([`${long}=3`, short]);
  expect(documents.filter(({ file }) => file === long)).toHaveLength(40);
  let characters = { [long]: 0, [short]: 0 };
  documents.forEach(({ file, text }) => {
    characters = { ...characters, [file]: characters[file]! + text!.length };
    expect(Math.abs(characters[long]! / 3 - characters[short]!)).toBeLessThanOrEqual(100 / 3 + 10);
  });
  expect(await read([`${long}=3`, short])).toEqual(documents);
});

test('without weights, sources follow each other', async () => {
  const one = await write('1.jsonl', lines('a', 'b'));
  const two = await write('2.txt', 'c');
  expect(await textsOf([two, one, two])).toEqual(['c', 'a', 'b', 'c']);
});

test.each([
  ['a broken line', 'bad.jsonl', '{"text": "a"}\n{"text": \n', 'DATA_LINE', /bad\.jsonl:2: found no JSON: \{"text":/],
  [
    'a field that is not there',
    'field.jsonl',
    '{"body": "a", "id": 1}',
    'DATA_FIELD',
    /field\.jsonl:1: found the fields body, id, expected an object whose field text holds a text.*FILE#field/,
  ],
  [
    'a field of another kind',
    'kind.jsonl',
    '{"text": 1}',
    'DATA_FIELD',
    /found the field text holding a number, expected an object whose field text holds a text/,
  ],
  ['a field that holds nothing', 'null.jsonl', '{"text": null}', 'DATA_FIELD', /the field text holding null/],
  ['a record that is none', 'list.json', '[{"text": "a"}, 7]', 'DATA_FIELD', /no object in record 2/],
  ['conversations read as text', 'chat.jsonl', '{"messages": []}', 'DATA_FIELD', /--chat/],
  ['bytes that are no text', 'latin.jsonl', Buffer.from('{"text": "é"}\n', 'latin1'), 'DATA_LINE', /latin\.jsonl:1: .*UTF-8/],
  ['a text file that is no text', 'latin.txt', Buffer.from('é', 'latin1'), 'DATA_BROKEN', /UTF-8/],
  ['a cut archive', 'cut.jsonl.gz', gzipSync(lines('a', 'b')).subarray(0, 20), 'DATA_BROKEN', /cut\.jsonl\.gz: .*gzip/],
  ['no archive', 'no.txt.gz', 'plain', 'DATA_BROKEN', /gzip/],
  ['nothing but empty texts', 'empty.jsonl', lines('', ''), 'DATA_EMPTY', /no text in/],
  ['an empty file', 'empty.txt', '', 'DATA_EMPTY', /at least one document/],
  ['a cut Zstandard archive', 'cut.jsonl.zst', zstd(lines('a', 'b'), 4).subarray(0, -9), 'DATA_BROKEN', /cut\.jsonl\.zst: .*expected Zstandard of UTF-8/],
  ['no Zstandard archive', 'no.txt.zst', 'plain text of some length', 'DATA_BROKEN', /Zstandard/],
  ['an empty Zstandard archive', 'none.txt.zst', '', 'DATA_BROKEN', /no bytes/],
  ['a kind for which there is no reader', 'x.csv', 'a,b', 'DATA_KIND', /expected \.txt, \.jsonl, \.json, \.parquet, \.txt\.gz/],
  ['packed parquet', 'x.parquet.zst', '', 'DATA_KIND', /packed within/],
])('%s is refused', async (_, name, content, code, says) => {
  await expect(read(await write(name, content))).rejects.toMatchObject({ code, message: expect.stringMatching(says) as unknown });
});

test('conversations of another form are refused', async () => {
  for (const record of [{ text: 'a' }, { messages: [] }, { messages: [{ role: 'user' }] }, { messages: 'Hi' }]) {
    await expect(read(await write('form.jsonl', JSON.stringify(record)), { chat: true })).rejects.toMatchObject({ code: 'DATA_FIELD', facts: { line: 1 } });
  }
});

test.each([
  ['a file that is not there', 'nowhere.txt', 'DATA_MISSING', /no file .*nowhere\.txt/],
  ['a glob that matches nothing', 'none-*.jsonl', 'DATA_MISSING', /none-\*/],
  ['a folder', '', 'DATA_KIND', /Give a glob/],
  ['a weight of nothing', 'a.txt=0', 'DATA_WEIGHT', /positive/],
])('%s is refused', async (_, word, code, says) => {
  await expect(read(join(folder, word))).rejects.toMatchObject({ code, message: expect.stringMatching(says) as unknown });
});

test('files of the hub come one by one, when they are reached', async () => {
  const files = await Promise.all(['x', 'y'].map((name) => write(`hub-${name}.jsonl`, `{"body": "${name}1"}\n{"body": "${name}2"}\n`)));
  const brought: string[] = [];
  const asked: string[] = [];
  const hub = (name: string): Promise<(() => Promise<string>)[]> => (
    asked.push(name),
    Promise.resolve(files.map((file) => () => (brought.push(file), Promise.resolve(file))))
  );
  const documents = openDocuments(['hf:org/texts:en/train#body'], { hub });
  expect((await documents.next()).value).toMatchObject({ text: 'x1', file: files[0] });
  expect(asked).toEqual(['hf:org/texts:en/train']);
  expect(brought).toEqual([files[0]]);
  await documents.return(undefined);
  expect((await read('hf:org/texts:en/train#body', { hub })).map(({ text }) => text)).toEqual(['x1', 'x2', 'y1', 'y2']);
});

test('without somebody who brings them, data sets of the hub are refused, naming what is read', async () => {
  await expect(read('hf:org/texts')).rejects.toMatchObject({ code: 'DATA_KIND', message: expect.stringMatching(/hf:org\/texts.*\.jsonl/) as unknown });
});

test('at most so many documents of each file', async () => {
  const one = await write('many.jsonl.gz', gzipSync(lines(...Array.from({ length: 5000 }, (_, i) => `${i}`))));
  const two = await write('two.jsonl', lines('a', 'b', 'c'));
  expect((await read([one, two], { limit: 2 })).map(({ text }) => text)).toEqual(['0', '1', 'a', 'b']);
});

test('a circle of links is told as such', async () => {
  const link = join(folder, 'circle.jsonl');
  await symlink(link, link);
  await expect(textsOf(link)).rejects.toMatchObject({ code: 'DATA_BROKEN', message: expect.stringMatching(/ELOOP.*its links/s) as unknown });
});
