import { DataError } from '@chop/core';
import { dataFiles, type HubData } from './data-source.js';
import { readLines, readText } from './lines.js';
import { parquetRows } from './parquet.js';
import { plainName } from './unpack.js';

/** One JSON value of a file, and where it stands. */
export interface DataRecord {
  readonly value: unknown;
  readonly file: string;
  /** From 1; of a `.parquet` the row. */
  readonly line: number;
  /** Which of the records on that line, from 1, where there may be several: in a `.json`. */
  readonly record?: number;
}

/** A broken line is shown up to here. In characters. */
const SHOWN_CHARACTERS = 60;

/**
 * The records of a `.jsonl` (one a line), `.json` (a list, or one record) or `.parquet` (its rows), of all files of a glob in the order of their names,
 * or of a data set of the hub.
 *
 * @throws {@link DataError} `DATA_MISSING` no such file, `DATA_KIND` a kind that is not read, `DATA_LINE` a broken line, `DATA_BROKEN` an unreadable file,
 * and what reading a parquet file throws.
 */
export async function* openRecords(pattern: string, { hub }: { readonly hub?: HubData } = {}): AsyncGenerator<DataRecord> {
  for (const bring of await dataFiles(pattern, hub)) {
    const file = await bring();
    if (plainName(file).endsWith('.txt'))
      throw new DataError('DATA_KIND', {
        file,
        found: 'plain text',
        expected: '.jsonl, .json or .parquet with one object per example',
        remedy: 'Convert it to .jsonl.',
      });
    yield* recordsIn(file);
  }
}

/**
 * The records of a `.jsonl`, `.json` or `.parquet`.
 * @param field - the only one that is needed.
 */
export async function* recordsIn(file: string, field?: string): AsyncGenerator<DataRecord> {
  if (file.endsWith('.parquet')) {
    for await (const { value, row } of parquetRows(file, field)) yield { value, file, line: row };
    return;
  }
  if (plainName(file).endsWith('.jsonl')) {
    for await (const { text, line } of readLines(file)) if (text.trim() !== '') yield { value: parseJson(text, file, line), file, line };
    return;
  }
  const text = await readText(file);
  if (holdsLines(text)) {
    let line = 0;
    for (const one of text.split('\n')) if (++line && one.trim() !== '') yield { value: parseJson(one, file, line), file, line };
    return;
  }
  const value = parseJson(text, file, 1);
  let record = 0;
  for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) yield { value: one, file, line: 1, record: ++record };
}

/** Whether a `.json` holds one object a line, as the hub's C4 does. */
function holdsLines(text: string): boolean {
  const end = text.indexOf('\n');
  if (!text.startsWith('{') || end < 0 || text.slice(end).trim() === '') return false;
  try {
    JSON.parse(text.slice(0, end));
    return true;
  } catch {
    return false;
  }
}

function parseJson(text: string, file: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
    throw new DataError('DATA_LINE', { file, line, found: `no JSON: ${shown}`, expected: 'one JSON object', remedy: 'Mend or remove that line.', cause });
  }
}
