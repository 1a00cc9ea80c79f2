import { DataError } from '@chop/core';
import type { AsyncBuffer, ColumnChunk } from 'hyparquet';
import { readOffsetIndex } from 'hyparquet/src/indexes.js';
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js';
import { checkRuns, hasRuns, type DataPage, type Levels } from './parquet-runs.js';

/** Most page headers have some tens of bytes; statistics may hold the beginnings of texts. */
const HEADER_BYTES = 1 << 12;
const LONGEST_HEADER_BYTES = 1 << 20;
/** Unpacked bytes of one page: writers make pages of 1 MiB, and one text may be a page. V8's longest string has 512 MiB. */
const MAX_PAGE_BYTES = 2 ** 29;
/** Values of one column in one row group: the largest row groups that Arrow makes unasked. */
const MAX_VALUES = 2 ** 26;

/** What kind of page it is, and which field of its header tells the rest (parquet.thrift, `PageType` and `PageHeader`). */
const PAGE_FIELDS: Readonly<Record<number, string>> = { 0: 'field_5', 2: 'field_7', 3: 'field_8' };
const [DICTIONARY, DATA_V2] = [2, 3];

/** Unpacks the bytes of a page: `length` come of them. */
export type Unpack = (packed: Uint8Array, length: number) => Uint8Array;

/** A column of a row group, as its pages are checked. */
export interface PagedColumn {
  readonly chunk: ColumnChunk;
  readonly levels: Levels;
  /** Missing where the column is not packed. */
  readonly unpack?: Unpack | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** A page's header, by the numbers of its fields. */
interface PageHeader {
  readonly type: unknown;
  readonly unpacked: unknown;
  readonly packed: unknown;
  /** Of the header of this kind of page; its first field is the number of values. */
  readonly own: Fields;
}

/**
 * Walks the pages of a column in a row group before they are read: what their headers claim fits the file, their values are as many as the row group has,
 * those of their runs too, and an offset index names these pages. (The reader behind this trusts them, and would not end, or take all memory.)
 *
 * @throws {@link DataError} `DATA_LARGE`; any other error means that the file is broken.
 */
export async function checkPages(file: AsyncBuffer, column: PagedColumn, rows: number, name: string): Promise<void> {
  const { chunk } = column;
  const meta = chunk.meta_data!;
  const expected = Number(meta.num_values);
  if (!Number.isSafeInteger(rows) || rows < 0 || rows > expected) throw new Error(`${rows} rows with ${expected} values`);
  if (expected > MAX_VALUES) throw large(name, `${expected} values`, `at most ${MAX_VALUES}`);
  const first = Number(meta.dictionary_page_offset ?? 0);
  let at = first > 0 ? Math.min(first, Number(meta.data_page_offset)) : Number(meta.data_page_offset);
  const end = at + Number(meta.total_compressed_size);
  const sizes = new Map<number, number>();
  let values = 0;
  while (at < end && values < expected) {
    const { header, length } = await readHeader(file, at, end);
    const { type, packed, unpacked, own } = header;
    if (!isCount(packed) || at + length + packed > end) throw new Error(`a page of ${String(packed)} bytes at ${at}`);
    if (!isCount(unpacked)) throw new Error(`a page of ${String(unpacked)} unpacked bytes at ${at}`);
    if (unpacked > MAX_PAGE_BYTES) throw large(name, `a page of ${unpacked} bytes`, `at most ${MAX_PAGE_BYTES}`);
    const more = own['field_1'];
    if (!isCount(more) || more > (type === DICTIONARY ? unpacked : expected - values)) throw new Error(`a page of ${String(more)} values at ${at}`);
    if (type === DATA_V2) checkSecondVersion(own, packed, unpacked, at);
    if (type !== DICTIONARY) {
      const { page, unpackedBytes, isPacked } = dataPage(header, column);
      const { unpack } = column;
      if (hasRuns(page)) {
        const bytes = new Uint8Array(await file.slice(at + length, at + length + packed));
        checkRuns(page, bytes, (part) => (unpack && isPacked && unpackedBytes > 0 ? unpack(part, unpackedBytes) : part));
      }
      values += more;
      sizes.set(at, length + packed);
    }
    at += length + packed;
  }
  if (values !== expected) throw new Error(`${values} values instead of ${expected}`);
  await checkOffsets(file, chunk, sizes, rows);
}

/** `DataPageHeader`: encoding (2). `DataPageHeaderV2`: encoding (4), and whether values are packed (7), as they are when nothing is said. */
function dataPage({ type, unpacked, own }: PageHeader, { chunk, levels }: PagedColumn): { page: DataPage; unpackedBytes: number; isPacked: boolean } {
  const page = { values: own['field_1'] as number, isBoolean: chunk.meta_data!.type === 'BOOLEAN', levels };
  if (type !== DATA_V2) return { page: { ...page, encoding: own['field_2'] }, unpackedBytes: unpacked as number, isPacked: true };
  const [nulls, definitionBytes, repetitionBytes] = [own['field_2'], own['field_5'], own['field_6']] as [number, number, number];
  return {
    page: { ...page, encoding: own['field_4'], second: { nulls, repetitionBytes, definitionBytes } },
    unpackedBytes: (unpacked as number) - definitionBytes - repetitionBytes,
    isPacked: own['field_7'] !== false,
  };
}

/** `DataPageHeaderV2`: nulls (2) and rows (3) are of its values (1), levels (5, 6) lie in its bytes. Without these lengths the reader would read one byte for ever. */
function checkSecondVersion(own: Fields, packed: number, unpacked: number, at: number): void {
  const values = own['field_1'] as number;
  const [nulls, rows, definitions, repetitions] = [own['field_2'], own['field_3'], own['field_5'], own['field_6']];
  if (!isCount(nulls) || nulls > values) throw new Error(`a page of ${String(nulls)} nulls in ${values} values at ${at}`);
  if (!isCount(rows) || rows > values) throw new Error(`a page of ${String(rows)} rows with ${values} values at ${at}`);
  if (!isCount(definitions) || !isCount(repetitions) || definitions + repetitions > Math.min(packed, unpacked))
    throw new Error(`a page of ${packed} bytes with levels of ${String(repetitions)} and ${String(definitions)} bytes at ${at}`);
}

/** The reader goes where the offset index says: to pages that were walked, in their order, and to nothing else. */
async function checkOffsets(file: AsyncBuffer, chunk: ColumnChunk, sizes: ReadonlyMap<number, number>, rows: number): Promise<void> {
  const { offset_index_offset: offset, offset_index_length: length } = chunk;
  if (offset === undefined || length === undefined) return;
  const start = Number(offset);
  const { page_locations: pages } = readOffsetIndex({ view: new DataView(await file.slice(start, start + length)), offset: 0 });
  if (pages.length !== sizes.size) throw new Error(`an offset index of ${pages.length} pages of ${sizes.size}`);
  let before = { at: -1, row: -1 };
  for (const { offset: page, compressed_page_size: size, first_row_index: first } of pages) {
    const [at, row] = [Number(page), Number(first)];
    if (sizes.get(at) !== size || at <= before.at) throw new Error(`an offset index with a page of ${size} bytes at ${at}`);
    if (!isCount(row) || row < before.row || row > rows || (before.at < 0 && row !== 0)) throw new Error(`an offset index with a page from row ${row} on`);
    before = { at, row };
  }
}

async function readHeader(file: AsyncBuffer, at: number, end: number): Promise<{ header: PageHeader; length: number }> {
  for (let bytes = HEADER_BYTES; ; bytes = LONGEST_HEADER_BYTES) {
    const reader = { view: new DataView(await file.slice(at, Math.min(end, at + bytes))), offset: 0 };
    try {
      const fields = deserializeTCompactProtocol(reader) as Fields;
      const type = fields['field_1'];
      const own = (fields[PAGE_FIELDS[type as number] ?? ''] ?? {}) as Fields;
      return { header: { type, unpacked: fields['field_2'], packed: fields['field_3'], own }, length: reader.offset };
    } catch (error) {
      if (bytes === LONGEST_HEADER_BYTES || at + bytes >= end) throw error;
    }
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function large(file: string, found: string, expected: string): DataError {
  return new DataError('DATA_LARGE', { file, found, expected, remedy: 'Write the file again with smaller pages and row groups.' });
}
