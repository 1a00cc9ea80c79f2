import { createHash, type Hash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError, InterruptedError } from '@chop/core';
import { offline, refused, request, type Address } from './simple-index.js';
import type { Wheel } from './wheel.js';

/** A connection that breaks is taken up again this often, after waits of 1, 2 and 4 seconds. */
const RETRIES = 3;

/** What {@link download} may be told. */
export interface DownloadOptions {
  readonly onBytes?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
  /** The first wait before a broken connection is taken up again. */
  readonly waitMs?: number;
}

/**
 * Downloads a wheel, hashing it on the way. What an earlier, interrupted download left in `file` is kept and only
 * the rest is asked for; when the whole then has the wrong hash, it is fetched once more from the start.
 *
 * @throws {@link EngineError} `ENGINE_HASH` (the file is deleted), `ENGINE_OFFLINE`, `ENGINE_DOWNLOAD`, `ENGINE_DISK_FULL`
 * @throws {@link InterruptedError} when the signal fires; the part stays.
 */
export async function download(from: Address, wheel: Wheel, file: string, options: DownloadOptions = {}): Promise<void> {
  let resumed = await bytesOf(file);
  for (let attempt = 0; ; attempt += 1) {
    try {
      const sha256 = await take(from, wheel, file, options);
      if (sha256 === wheel.sha256) return;
      await rm(file, { force: true });
      if (resumed === 0) throw wrongHash(file, sha256, wheel, from.url);
      resumed = 0;
    } catch (error) {
      if (options.signal?.aborted)
        throw new InterruptedError({ found: 'the download was interrupted', remedy: 'Type the same again: it goes on where it stopped.' });
      if (!(error instanceof EngineError) || error.code !== 'ENGINE_OFFLINE' || attempt >= RETRIES) throw error;
      await sleep((options.waitMs ?? 1000) * 2 ** attempt);
    }
  }
}

/**
 * Checks a file that is already here.
 *
 * @throws {@link EngineError} `ENGINE_HASH`
 */
export async function checkHash(file: string, wheel: Wheel, signal?: AbortSignal): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash, { signal });
  const sha256 = hash.digest('hex');
  if (sha256 !== wheel.sha256) throw wrongHash(file, sha256, wheel);
}

/** Appends what is missing and returns the hash of the whole. */
async function take(from: Address, wheel: Wheel, file: string, { onBytes, signal }: DownloadOptions): Promise<string> {
  const here = await bytesOf(file);
  const range = here > 0 && here < wheel.fileBytes ? { range: `bytes=${here}-` } : undefined;
  const response = await request({ url: from.url, headers: { ...from.headers, ...range } }, signal);
  const continues = range !== undefined && response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${here}-`) === true;
  if (!response.ok || response.body === null) throw refused(from.url, response.status);
  const hash = createHash('sha256');
  if (continues) await hashInto(hash, file);
  let done = continues ? here : 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      hash.update(chunk);
      done += chunk.length;
      onBytes?.(done, wheel.fileBytes);
      next(null, chunk);
    },
  });
  const body = Readable.fromWeb(response.body as import('node:stream/web').ReadableStream<Uint8Array>);
  try {
    await pipeline(body, measure, createWriteStream(file, { flags: continues ? 'a' : 'w' }), { signal });
  } catch (error) {
    throw fromDisk(error, file, wheel.diskBytes) ?? offline(from.url, error);
  }
  if (done < wheel.fileBytes && response.headers.has('content-length')) throw offline(from.url, new Error(`${done} of ${wheel.fileBytes} bytes came`));
  return hash.digest('hex');
}

async function hashInto(hash: Hash, file: string): Promise<void> {
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
}

async function bytesOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Errors of the file system, as opposed to those of the network. */
export function fromDisk(error: unknown, file: string, needed: number): EngineError | undefined {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new EngineError('ENGINE_DISK_FULL', {
      file,
      found: 'no space left on the disk',
      expected: `${Math.ceil(needed / 1e6)} MB`,
      remedy: 'Free some, or let CHOP_HOME name a folder on another disk; then type the same again.',
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM' || code === 'ENOTDIR') {
    return new EngineError('ENGINE_CACHE', {
      file,
      found: `a cache folder that cannot be written (${code})`,
      remedy: 'Let CHOP_HOME name a folder that can.',
      cause: error,
    });
  }
  return undefined;
}

function wrongHash(file: string, sha256: string, wheel: Wheel, from?: string): EngineError {
  return new EngineError('ENGINE_HASH', {
    file: from ?? file,
    found: `a file with sha256 ${sha256}`,
    expected: wheel.sha256,
    remedy: `What came is not ${wheel.file}: try again, or name another index with --index URL.`,
  });
}
