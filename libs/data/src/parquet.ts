import { type FileHandle, open } from 'node:fs/promises';
import { DataError, nearest } from '@chop/core';
import {
  type AsyncBuffer,
  type ColumnChunk,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  parquetReadObjects,
  parquetSchema,
  type SchemaTree,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { checkPages } from './parquet-pages.js';
import { levelsOf } from './parquet-runs.js';
import { timeLimited } from './time-limit.js';

/** Rows read at once where the file says where its pages begin; elsewhere a row group is read at once. */
const ROWS_AT_ONCE = 1024;
/** Unpacked bytes of one column of one row group that are read at once; writers of data sets stay below 512 MiB. */
const MAX_COLUMN_BYTES = 2 ** 31;
/** What stands at both ends of a file, and of one whose metadata is encrypted. */
const MAGIC = { plain: 'PAR1', encrypted: 'PARE' };
/** A magic word, a length and a magic word. */
const LEAST_BYTES = 12;

/** One row, and which it is, from 1. */
export interface ParquetRow {
  readonly value: Readonly<Record<string, unknown>>;
  readonly row: number;
}

/**
 * The rows of a parquet file, by row groups, and within them by pages where the file has an offset index: never the whole file.
 * Values are as JSON has them: integers beyond 2⁵³ and times are texts, lists and groups of columns are lists and objects.
 *
 * @param column - the only one that is read; all of them when missing.
 * @throws {@link DataError} `DATA_BROKEN`, `DATA_ENCRYPTED`, `DATA_CODEC`, `DATA_FIELD` when there is no such column, `DATA_LARGE`
 */
export async function* parquetRows(file: string, column?: string): AsyncGenerator<ParquetRow> {
  const handle = await open(file).catch((cause: unknown) => broken(file, cause));
  try {
    const source = await bufferOf(handle, file);
    const codecs = codecsInTime();
    const metadata = await parquetMetadataAsync(source, { geoparquet: false }).catch((cause: unknown) => broken(file, cause));
    const schema = schemaOf(metadata, file);
    if (column !== undefined) checkColumn(schema, column, file);
    const isGrouped = schema.children.some((child) => (column ?? child.element.name) === child.element.name && leaves(child).length > 1);
    for await (const { from, to } of pieces({ file, source, metadata, schema, codecs }, column)) {
      const options = {
        file: source,
        metadata,
        compressors: codecs,
        rowStart: from,
        rowEnd: to,
        useOffsetIndex: true,
        parsers: { stringFromBytes: utf8 },
        ...(column === undefined ? {} : { columns: [column] }),
      };
      const failed = (cause: unknown): never => broken(file, cause, from + 1);
      // Where parts of a group are joined, the library leaves the failures of all but one part to nobody: they are waited for first.
      if (isGrouped) await parquetRead({ ...options }).catch(failed);
      const rows = await parquetReadObjects(options).catch(failed);
      if (rows.length !== to - from) broken(file, new Error(`${rows.length} rows from row ${from + 1} on instead of ${to - from}`));
      for (const [i, value] of rows.entries()) yield { value: plain(value) as Record<string, unknown>, row: from + i + 1 };
    }
  } finally {
    await handle.close();
  }
}

/** The file as the library reads it; its magic words are checked. */
async function bufferOf(handle: FileHandle, file: string): Promise<AsyncBuffer> {
  const { size: byteLength } = await handle.stat();
  const read = async (start: number, end: number): Promise<ArrayBuffer> => {
    if (start < 0 || end > byteLength || end < start) throw new Error(`bytes ${start} to ${end} of a file of ${byteLength}`);
    const bytes = new Uint8Array(end - start);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
    if (bytesRead !== bytes.length) throw new Error(`${bytesRead} of ${bytes.length} bytes at ${start}`);
    return bytes.buffer;
  };
  const slice = (start: number, end = byteLength): Promise<ArrayBuffer> => {
    const bytes = read(start, end);
    // The library reads ahead: a failure is told where the bytes are asked for, if they are.
    bytes.catch(() => undefined);
    return bytes;
  };
  if (byteLength < LEAST_BYTES) broken(file, new Error(`${byteLength} bytes`));
  const word = async (at: number): Promise<string> => Buffer.from(await slice(at, at + 4)).toString('latin1');
  const [first, last] = [await word(0), await word(byteLength - 4)];
  if (last === MAGIC.encrypted) encrypted(file, 'metadata');
  if (first !== MAGIC.plain) broken(file, new Error(`other first bytes than ${MAGIC.plain}`));
  if (last !== MAGIC.plain) broken(file, new Error(`no ${MAGIC.plain} at the end: it is cut short`));
  return { byteLength, slice };
}

/** The codecs, none of which is trusted to end on a broken page. */
function codecsInTime(): Compressors {
  const limited = timeLimited();
  const entries = Object.entries(compressors).map(([name, unpack]): [string, typeof unpack] => [
    name,
    unpack && ((packed, length) => limited(() => unpack(packed, length), length)),
  ]);
  return Object.fromEntries(entries);
}

/** A file while it is read. */
interface Reading {
  readonly file: string;
  readonly source: AsyncBuffer;
  readonly metadata: FileMetaData;
  readonly schema: SchemaTree;
  readonly codecs: Compressors;
}

/** Which rows are read at once. */
async function* pieces({ file, source, metadata, schema, codecs }: Reading, column: string | undefined): AsyncGenerator<{ from: number; to: number }> {
  let start = 0;
  const known = levelsOf(schema);
  for (const { columns, num_rows } of metadata.row_groups) {
    const rows = Number(num_rows);
    const chunks = columns.filter(({ meta_data: meta }) => column === undefined || meta?.path_in_schema[0] === column || meta === undefined);
    for (const chunk of chunks) {
      const path = chunk.meta_data?.path_in_schema ?? [];
      const levels = known.get(JSON.stringify(path));
      if (chunk.meta_data && levels === undefined) broken(file, new Error(`a column ${path.join('.').slice(0, 60)} that the schema does not have`));
      checkChunk(chunk, file);
      const unpack = codecs[chunk.meta_data!.codec];
      await checkPages(source, { chunk, levels: levels!, unpack }, rows, file).catch((cause: unknown) => broken(file, cause, start + 1));
    }
    if (chunks.length === 0 && rows > 0) broken(file, new Error(`${rows} rows without columns`));
    const step = chunks.every(({ offset_index_offset: at }) => at !== undefined) ? ROWS_AT_ONCE : rows;
    for (let from = 0; from < rows; from += step) yield { from: start + from, to: start + Math.min(rows, from + step) };
    start += rows;
  }
}

function checkChunk({ meta_data: meta, crypto_metadata: crypto }: ColumnChunk, file: string): void {
  const name = meta?.path_in_schema.join('.') ?? 'a column';
  if (crypto !== undefined || meta === undefined) encrypted(file, name);
  if (meta.codec !== 'UNCOMPRESSED' && !(meta.codec in compressors))
    throw new DataError('DATA_CODEC', {
      file,
      found: `${name} packed with ${meta.codec ?? 'a codec without a name'}`,
      expected: ['UNCOMPRESSED', ...Object.keys(compressors)].join(', '),
      remedy: 'Write the file again with one of these; ZSTD and SNAPPY are usual.',
    });
  if (meta.total_uncompressed_size > MAX_COLUMN_BYTES)
    throw new DataError('DATA_LARGE', {
      file,
      found: `${meta.total_uncompressed_size} bytes of ${name} in one row group`,
      expected: `at most ${MAX_COLUMN_BYTES}: they are read at once`,
      remedy: 'Write the file again with smaller row groups.',
    });
}

/** The columns as a tree: its nodes say how many children follow them, and may lie. */
function schemaOf(metadata: FileMetaData, file: string): SchemaTree {
  try {
    return parquetSchema(metadata);
  } catch (cause) {
    return broken(file, cause);
  }
}

function checkColumn({ children }: SchemaTree, column: string, file: string): void {
  if (children.some(({ element }) => element.name === column)) return;
  const leaf = children.flatMap(leaves).find(({ path }) => path.length > 1 && (path.join('.') === column || path.at(-1) === column));
  const names = children.map(({ element }) => element.name);
  throw new DataError('DATA_FIELD', {
    file,
    found: leaf ? `${column} within the column ${leaf.path[0]} only` : `the columns ${names.join(', ') || 'of no name'}`,
    expected: `a column ${column}`,
    remedy: leaf ? 'A text is read from a column of its own: write the file again with one.' : `Name the column: FILE#${nearest(column, names) ?? 'column'}.`,
  });
}

function leaves(tree: SchemaTree): SchemaTree[] {
  return tree.children.length === 0 ? [tree] : tree.children.flatMap(leaves);
}

function utf8(bytes: Uint8Array): string {
  return bytes && new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** A value as JSON has it. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (value === undefined) return null;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

function encrypted(file: string, what: string): never {
  throw new DataError('DATA_ENCRYPTED', { file, found: `${what} that is encrypted`, expected: 'plain parquet', remedy: 'Decrypt it where its keys are.' });
}

function broken(file: string, cause: unknown, line?: number): never {
  if (cause instanceof DataError) throw cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  throw new DataError('DATA_BROKEN', {
    file,
    ...(line === undefined ? {} : { line }),
    found: `data that cannot be read (${reason})`,
    expected: 'parquet with text in UTF-8',
    remedy: 'Make or copy the file again.',
    cause,
  });
}
