import { openRecords } from '@chop/data';
import { expectThat, placed, reader } from '../oracle.mjs';

/** Rows that are read of one input: a dictionary can say that a few bytes are millions of rows. */
const MOST_ROWS = 10_000;

/** Bytes are a whole file; its rows are read to the end, each is what JSON can hold. */
export const fuzz = reader(async (data) => {
  let rows = 0;
  for await (const { value, line } of openRecords(placed('data.parquet', data))) {
    expectThat(line === ++rows, `row ${line} after row ${rows - 1}`);
    JSON.stringify(value);
    if (rows === MOST_ROWS) break;
  }
});
