import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createGunzip, gunzipSync } from 'node:zlib';
import { createInterface } from 'node:readline';
import { basename, dirname, join } from 'node:path';
import { DataError, Random } from '@chop/core';
import type { Message } from './tokenizer.js';

/** One document: a text or a conversation, and where it stands. */
export interface Document {
  readonly text?: string;
  readonly messages?: readonly Message[];
  readonly file: string;
  readonly line: number;
}

/** One word of DATA: `corpus/*.jsonl.gz#body=3`. */
export interface DataSource {
  readonly pattern: string;
  readonly field: string;
  readonly weight: number;
}

const KINDS = ['.txt', '.jsonl', '.json', '.txt.gz', '.jsonl.gz', '.json.gz'] as const;

/** Reads `FILE-OR-GLOB[#field][=weight]`. */
export function parseSource(word: string): DataSource {
  const [, pattern, field, weight] = /^(.*?)(?:#([^=#]+))?(?:=(\d+(?:\.\d+)?))?$/s.exec(word)!;
  return { pattern: pattern!, field: field ?? 'text', weight: weight === undefined ? 1 : Number(weight) };
}

export interface DocumentOptions {
  /** Read conversations (`messages`) instead of texts. */
  readonly chat?: boolean;
  readonly seed?: number;
  /** At most this many documents of each file. */
  readonly limit?: number;
}

/**
 * Documents of all sources, in the order in which they are given: file by file, line by line. With different weights, the sources
 * are mixed document by document by a seeded draw in proportion to the weights until the first of them is at its end.
 *
 * @throws {@link DataError} `DATA_MISSING` no such file, `DATA_KIND` a kind that is not read, `DATA_LINE` a broken line, `DATA_FIELD` a missing field.
 */
export async function* openDocuments(words: readonly string[], options: DocumentOptions = {}): AsyncGenerator<Document> {
  const sources = words.map(parseSource);
  if (sources.every(({ weight }) => weight === sources[0]!.weight)) {
    for (const source of sources) yield* documentsOf(source, options);
    return;
  }
  const random = Random.of(options.seed ?? 0, 'mix');
  const total = sources.reduce((sum, { weight }) => sum + weight, 0);
  const streams = sources.map((source) => documentsOf(source, options));
  for (;;) {
    let rest = random.next() * total;
    const drawn = sources.findIndex(({ weight }) => (rest -= weight) < 0);
    const { value, done } = await streams[drawn < 0 ? streams.length - 1 : drawn]!.next();
    if (done) return;
    yield value;
  }
}

async function* documentsOf({ pattern, field }: DataSource, { chat = false, limit = Infinity }: DocumentOptions): AsyncGenerator<Document> {
  for (const file of await files(pattern)) {
    let count = 0;
    for await (const document of documentsIn(file, chat ? 'messages' : field, chat)) {
      if (count++ >= limit) break;
      yield document;
    }
  }
}

async function* documentsIn(file: string, field: string, chat: boolean): AsyncGenerator<Document> {
  const name = file.replace(/\.gz$/, '');
  if (name.endsWith('.jsonl')) {
    const lines = createInterface({ input: file.endsWith('.gz') ? createReadStream(file).pipe(createGunzip()) : createReadStream(file), crlfDelay: Infinity });
    let line = 0;
    for await (const text of lines) {
      line++;
      if (text.trim() !== '') yield documentOf(parseJson(text, file, line), field, chat, file, line);
    }
    return;
  }
  const bytes = await readFile(file);
  const text = new TextDecoder().decode(file.endsWith('.gz') ? gunzipSync(bytes) : bytes);
  if (name.endsWith('.txt')) {
    yield { text, file, line: 1 };
    return;
  }
  const records = parseJson(text, file, 1);
  for (const record of Array.isArray(records) ? records : [records]) yield documentOf(record, field, chat, file, 1);
}

function parseJson(text: string, file: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DataError('DATA_LINE', { file, line, found: `no JSON: ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`, expected: 'one JSON object', remedy: 'Mend or remove that line.', cause });
  }
}

function documentOf(record: unknown, field: string, chat: boolean, file: string, line: number): Document {
  const value = (record as Record<string, unknown> | null)?.[field];
  const fields = record !== null && typeof record === 'object' ? Object.keys(record).join(', ') : typeof record;
  if (chat) {
    const isMessage = (turn: unknown): turn is Message => typeof (turn as Message | null)?.role === 'string' && typeof (turn as Message).content === 'string';
    if (Array.isArray(value) && value.length > 0 && value.every(isMessage)) return { messages: value, file, line };
    throw new DataError('DATA_FIELD', { file, line, found: `fields ${fields}`, expected: 'messages: a list of { role, content }' });
  }
  if (typeof value === 'string') return { text: value, file, line };
  throw new DataError('DATA_FIELD', { file, line, found: `fields ${fields}`, expected: `a text in ${field}`, remedy: 'Name the field: FILE#field.' });
}

/** Files of a name or a glob, sorted by name. */
async function files(pattern: string): Promise<string[]> {
  if (pattern.startsWith('hf:')) throw new DataError('DATA_KIND', { found: pattern, expected: `a file or glob of ${KINDS.join(', ')}`, remedy: 'Download the data set first.' });
  const found = (await stat(pattern).catch(() => undefined))?.isFile() ? [pattern] : /[*?[{]/.test(pattern) ? await matches(pattern) : [];
  if (found.length === 0) throw new DataError('DATA_MISSING', { found: `no file ${pattern}`, expected: `a file or glob of ${KINDS.join(', ')}` });
  for (const file of found) {
    if (!KINDS.some((kind) => file.endsWith(kind))) throw new DataError('DATA_KIND', { file, found: 'a file of another kind', expected: KINDS.join(', ') });
  }
  return found.sort();
}

/** Matches `*` and `?` in the last part of a path. */
async function matches(pattern: string): Promise<string[]> {
  const folder = dirname(pattern);
  const escaped = basename(pattern).replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.');
  const expression = new RegExp(`^${escaped}$`);
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => expression.test(name)).map((name) => join(folder, name));
}
