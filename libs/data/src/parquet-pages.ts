import { DataError } from '@chop/core';
import type { AsyncBuffer, ColumnMetaData } from 'hyparquet';
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js';

/** Most page headers have some tens of bytes; statistics may hold the beginnings of texts. */
const HEADER_BYTES = 1 << 12;
const LONGEST_HEADER_BYTES = 1 << 20;
/** Unpacked bytes of one page: writers make pages of 1 MiB, and one text may be a page. V8's longest string has 512 MiB. */
const MAX_PAGE_BYTES = 2 ** 29;
/** Values of one column in one row group: the largest row groups that Arrow makes unasked. */
const MAX_VALUES = 2 ** 26;

/** A page's header (parquet.thrift, `PageHeader`), by the numbers of its fields. */
interface PageHeader {
  readonly unpacked: unknown;
  readonly packed: unknown;
  readonly values: unknown;
  readonly isData: boolean;
}

/**
 * Walks the headers of a column's pages in a row group before anything is unpacked: what they claim fits the file, and their values are as many
 * as the row group has. (The reader behind this trusts them, and would not end, or take all memory.)
 *
 * @throws {@link DataError} `DATA_LARGE`; any other error means that the file is broken.
 */
export async function checkPages(file: AsyncBuffer, meta: ColumnMetaData, rows: number, name: string): Promise<void> {
  const expected = Number(meta.num_values);
  if (!Number.isSafeInteger(rows) || rows < 0 || rows > expected) throw new Error(`${rows} rows with ${expected} values`);
  if (expected > MAX_VALUES) throw large(name, `${expected} values`, `at most ${MAX_VALUES}`);
  const first = Number(meta.dictionary_page_offset ?? 0);
  let at = first > 0 ? Math.min(first, Number(meta.data_page_offset)) : Number(meta.data_page_offset);
  const end = at + Number(meta.total_compressed_size);
  let values = 0;
  while (at < end && values < expected) {
    const { header, length } = await readHeader(file, at, end);
    const { packed, unpacked } = header;
    if (!isCount(packed) || at + length + packed > end) throw new Error(`a page of ${String(packed)} bytes at ${at}`);
    if (!isCount(unpacked)) throw new Error(`a page of ${String(unpacked)} unpacked bytes at ${at}`);
    if (unpacked > MAX_PAGE_BYTES) throw large(name, `a page of ${unpacked} bytes`, `at most ${MAX_PAGE_BYTES}`);
    const more = header.values;
    if (!isCount(more) || more > (header.isData ? expected - values : unpacked)) throw new Error(`a page of ${String(more)} values at ${at}`);
    if (header.isData) values += more;
    at += length + packed;
  }
  if (values !== expected) throw new Error(`${values} values instead of ${expected}`);
}

async function readHeader(file: AsyncBuffer, at: number, end: number): Promise<{ header: PageHeader; length: number }> {
  for (let bytes = HEADER_BYTES; ; bytes = LONGEST_HEADER_BYTES) {
    const reader = { view: new DataView(await file.slice(at, Math.min(end, at + bytes))), offset: 0 };
    try {
      const fields = deserializeTCompactProtocol(reader) as Record<string, Record<string, unknown> | undefined>;
      const data = fields['field_5'] ?? fields['field_8'];
      const values = (data ?? fields['field_7'])?.['field_1'];
      return { header: { unpacked: fields['field_2'], packed: fields['field_3'], values, isData: data !== undefined }, length: reader.offset };
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
