import { DataError } from '@chop/core';
import type { Message } from './chat-template.js';
import { type DataFile, dataFiles, type DataSource, type HubData, parseSource } from './data-source.js';
import { readText } from './lines.js';
import { recordsIn } from './records.js';
import { plainName } from './unpack.js';

/** One document: a text or a conversation, and where it stands. */
export interface Document {
  readonly text?: string;
  readonly messages?: readonly Message[];
  readonly file: string;
  readonly line: number;
}

/** How documents are read. */
export interface DocumentOptions {
  /** Read conversations (`messages`) instead of texts. */
  readonly chat?: boolean;
  /** At most this many documents of each file. */
  readonly limit?: number;
  /** Brings data sets of the hub; without it they are refused. */
  readonly hub?: HubData;
}

/**
 * Documents of all sources, file by file, line by line; a `.txt` is one document; empty texts are left out. Without weights the sources
 * follow each other. With weights (1 where none is given) they are mixed so that each has its share of the characters all along:
 * the next document comes from the source that lags behind most; a source at its end starts again, until all have been read once.
 *
 * @param words - `FILE-OR-GLOB[#field][=weight]` or `hf:org/dataset[:config][/split][#field][=weight]` each.
 * @throws {@link DataError} `DATA_MISSING` no such file, `DATA_KIND` a kind that is not read, `DATA_LINE` a broken line,
 * `DATA_FIELD` a missing field, `DATA_BROKEN` an unreadable file, `DATA_EMPTY` no text at all, `DATA_ENCRYPTED`, `DATA_CODEC` and `DATA_LARGE` for parquet.
 */
export async function* openDocuments(words: readonly string[], options: DocumentOptions = {}): AsyncGenerator<Document> {
  const sources = await Promise.all(words.map(parseSource).map(async (source) => ({ source, files: await dataFiles(source.pattern, options.hub) })));
  const readers = sources.map(
    ({ source, files }) =>
      () =>
        documentsOf(source, files, options),
  );
  const mixed = sources.some(({ source }) => source.weight !== undefined) && sources.length > 1;
  let count = 0;
  const weights = sources.map(({ source }) => source.weight ?? 1);
  for await (const document of mixed ? mix(readers, weights) : inTurn(readers)) {
    count++;
    yield document;
  }
  if (count === 0)
    throw new DataError('DATA_EMPTY', {
      found: `no text in ${words.join(' ') || 'no files'}`,
      expected: 'at least one document with text',
      remedy: 'Give another --data.',
    });
}

type Reader = () => AsyncGenerator<Document>;

async function* inTurn(readers: readonly Reader[]): AsyncGenerator<Document> {
  for (const read of readers) yield* read();
}

async function* mix(readers: readonly Reader[], weights: readonly number[]): AsyncGenerator<Document> {
  const places = readers.map((read, i) => ({ read, weight: weights[i]!, stream: read(), characters: 0, finished: false }));
  try {
    while (!places.every(({ finished }) => finished)) {
      const next = places.reduce((least, place) => (place.characters / place.weight < least.characters / least.weight ? place : least));
      let { value, done } = await next.stream.next();
      if (done) {
        next.finished = true;
        if (places.every(({ finished }) => finished)) return;
        next.stream = next.read();
        ({ value, done } = await next.stream.next());
        if (done) next.characters = Infinity;
      }
      if (done) continue;
      next.characters += charactersOf(value as Document);
      yield value as Document;
    }
  } finally {
    for (const { stream } of places) await stream.return(undefined);
  }
}

function charactersOf({ text, messages }: Document): number {
  return text?.length ?? messages!.reduce((sum, { content }) => sum + content.length, 0);
}

async function* documentsOf({ field }: DataSource, files: readonly DataFile[], { chat = false, limit = Infinity }: DocumentOptions): AsyncGenerator<Document> {
  for (const bring of files) {
    const file = await bring();
    let count = 0;
    for await (const document of documentsIn(file, field ?? (chat ? 'messages' : 'text'), chat)) {
      if (count++ >= limit) break;
      if (document.text !== '') yield document;
    }
  }
}

async function* documentsIn(file: string, field: string, chat: boolean): AsyncGenerator<Document> {
  if (plainName(file).endsWith('.txt')) {
    if (chat)
      throw new DataError('DATA_KIND', {
        file,
        found: 'plain text',
        expected: '.jsonl, .json or .parquet with messages',
        remedy: 'Leave out --chat, or give conversations.',
      });
    yield { text: await readText(file), file, line: 1 };
    return;
  }
  for await (const { value, ...place } of recordsIn(file, field)) yield documentOf(value, field, chat, place);
}

function documentOf(
  record: unknown,
  field: string,
  chat: boolean,
  place: { readonly file: string; readonly line: number; readonly record?: number },
): Document {
  const { file, line } = place;
  const isObject = record !== null && typeof record === 'object' && !Array.isArray(record);
  const value = isObject ? (record as Record<string, unknown>)[field] : undefined;
  if (chat && Array.isArray(value) && value.length > 0 && value.every(isMessage)) return { messages: value, file, line };
  if (!chat && typeof value === 'string') return { text: value, file, line };
  const fields = isObject ? Object.keys(record) : [];
  const found = !isObject
    ? 'no object'
    : value !== undefined
      ? `the field ${field} holding ${kindOf(value)}`
      : fields.length === 0
        ? 'an object without fields'
        : `the fields ${fields.join(', ')}`;
  throw new DataError('DATA_FIELD', {
    ...place,
    found: place.record === undefined ? found : `${found} in record ${place.record}`,
    expected: `an object whose field ${field} holds ${chat ? 'a list of messages, each with the texts role and content' : 'a text'}`,
    remedy: !chat && fields.includes('messages') ? 'For conversations give --chat.' : 'Name the field: FILE#field.',
  });
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (value === null || typeof value === 'boolean') return String(value);
  return typeof value === 'object' ? 'an object' : typeof value === 'string' ? 'a text' : 'a number';
}

function isMessage(turn: unknown): turn is Message {
  return typeof (turn as Message | null)?.role === 'string' && typeof (turn as Message).content === 'string';
}
