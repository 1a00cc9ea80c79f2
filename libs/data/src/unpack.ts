import { createReadStream } from 'node:fs';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { timeLimited } from './time-limit.js';

/** Bytes given to zstd at once: a block of 4 bytes may stand for 128 KiB, so that these become at most 32 MiB. */
const ZSTD_BYTES = 1 << 10;
/** Unpacked bytes that are handed on at the latest. */
const READY_BYTES = 32 << 20;

/** A file's name without the ending that says how it is packed: `.gz` (RFC 1952) or `.zst` (RFC 8878). */
export function plainName(file: string): string {
  return file.replace(/\.(gz|zst)$/, '');
}

/** What a file holds, for messages. */
export function packingOf(file: string): string {
  if (file.endsWith('.gz')) return 'gzip of ';
  return file.endsWith('.zst') ? 'Zstandard of ' : '';
}

/** A file's bytes piece by piece, unpacked as its ending says. */
export async function* unpacked(file: string): AsyncGenerator<Uint8Array> {
  const stored = createReadStream(file);
  // A failure of either stream reaches the loop through the last one.
  const bytes: Readable = file.endsWith('.gz') ? pipeline(stored, createGunzip(), () => undefined) : stored;
  try {
    if (file.endsWith('.zst')) yield* withoutZstd(bytes as AsyncIterable<Uint8Array>);
    else yield* bytes as AsyncIterable<Uint8Array>;
  } finally {
    stored.destroy();
    bytes.destroy();
  }
}

async function* withoutZstd(stored: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array[] = [];
  let readyBytes = 0;
  const zstd = new Decompress((piece) => {
    ready.push(piece);
    readyBytes += piece.length;
  });
  const limited = timeLimited();
  let empty = true;
  for await (const chunk of stored) {
    empty = false;
    for (let from = 0; from < chunk.length;) {
      limited(() => {
        for (; from < chunk.length && readyBytes < READY_BYTES; from += ZSTD_BYTES) zstd.push(chunk.subarray(from, from + ZSTD_BYTES));
      });
      yield* ready;
      [ready, readyBytes] = [[], 0];
    }
  }
  if (empty) throw new Error('no bytes');
  limited(() => zstd.push(new Uint8Array(0), true));
  yield* ready;
}
