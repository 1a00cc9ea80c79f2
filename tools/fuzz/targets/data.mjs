import { openDocuments } from '@chop/data';
import { expectThat, placed, reader } from '../oracle.mjs';

/** Documents that are read of one input: a few packed bytes can stand for many. */
const MOST_DOCUMENTS = 10_000;
/** What a packed file begins with: Zstandard (RFC 8878), gzip (RFC 1952). */
const PACKED = [
  ['.zst', Buffer.of(0x28, 0xb5, 0x2f, 0xfd)],
  ['.gz', Buffer.of(0x1f, 0x8b)],
];

/** Bytes are a whole file: packed lines where they begin so, else one JSON document, or lines. */
export const fuzz = reader(async (data) => {
  const packed = PACKED.find(([, magic]) => data.subarray(0, magic.length).equals(magic))?.[0];
  const name = packed ? `data.jsonl${packed}` : data[0] === 0x5b ? 'data.json' : 'data.jsonl';
  let count = 0;
  for await (const { text } of openDocuments([placed(name, data)])) {
    expectThat(typeof text === 'string' && text !== '', 'a document without text');
    if (++count === MOST_DOCUMENTS) break;
  }
});
