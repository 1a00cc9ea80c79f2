import { createWriteStream } from 'node:fs';
import { mkdir, open as openFile } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EngineError, throwIfAborted } from '@chop/core';
import { open, type Entry, type ZipFile } from 'yauzl';
import { TENSORFLOW_VERSION } from './wheel.js';

const LIBRARY = /^tensorflow\/libtensorflow_(cc|framework)\.(so\.2|2\.dylib)$/;
const HEADER = /^tensorflow\/include\/(.+)$/;
const NVIDIA = /^nvidia\/[a-z_]+\/(?:lib\/[^/]+\.so[^/]*|include\/nvrtc\.h)$/;
const NVIDIA_LICENCE = /^(nvidia_[^/]+)\.dist-info\/License\.txt$/;
const LICENCE = /^(?:tensorflow|[^/]+\.dist-info(?:\/licenses)?)\/((?:LICENSE|NOTICE|THIRD_PARTY)[^/]*)$/;

/**
 * Where an entry of a wheel goes in the engine's folder; undefined for what the engine does not need. NVIDIA's libraries lie where those of TensorFlow look
 * for them: in `../nvidia/NAME/lib`.
 */
export function placeOf(entry: string): string | undefined {
  if (LIBRARY.test(entry)) return `lib/${basename(entry)}`;
  if (NVIDIA.test(entry)) return entry;
  const header = HEADER.exec(entry)?.[1];
  if (header !== undefined) return `include/${header}`;
  const ofNvidia = NVIDIA_LICENCE.exec(entry)?.[1];
  if (ofNvidia !== undefined) return `licenses/${ofNvidia}.txt`;
  const licence = LICENCE.exec(entry)?.[1];
  return licence === undefined ? undefined : `licenses/${licence}`;
}

/**
 * Unpacks the libraries, the headers and the licences of a wheel of TensorFlow or of NVIDIA, streamed.
 *
 * @param onBytes - told the bytes of the wheel read so far, and all of them.
 * @returns the number of files written.
 * @throws {@link EngineError} `ENGINE_WHEEL` when it is no such wheel, or an entry leaves the folder.
 */
export async function unpackWheel(wheel: string, folder: string, onBytes: (done: number, total: number) => void, signal?: AbortSignal): Promise<number> {
  const zip = await openZip(wheel);
  const made = new Set<string>();
  let files = 0;
  let done = 0;
  try {
    for (let entry = await nextEntry(zip, wheel); entry !== undefined; entry = await nextEntry(zip, wheel)) {
      throwIfAborted(signal);
      const place = placeOf(entry.fileName);
      if (place === undefined || entry.fileName.endsWith('/')) continue;
      const target = inside(folder, place, wheel);
      if (!made.has(dirname(target))) made.add((await mkdir(dirname(target), { recursive: true }), dirname(target)));
      await pipeline(await entryStream(zip, entry), createWriteStream(target, { flush: !place.startsWith('include/') }), { signal });
      files += 1;
      done += entry.compressedSize;
      onBytes(done, zip.fileSize);
    }
  } finally {
    zip.close();
  }
  const kinds = new Set([...made].map((path) => relative(folder, path).split(sep)[0]));
  if (kinds.has('nvidia') || (kinds.has('lib') && kinds.has('include'))) return files;
  throw new EngineError('ENGINE_WHEEL', {
    file: wheel,
    found: 'a file without the libraries or headers of TensorFlow',
    expected: `a wheel of TensorFlow ${TENSORFLOW_VERSION}`,
    remedy: 'Leave out --index, or give it the right file.',
  });
}

function inside(folder: string, place: string, wheel: string): string {
  const target = join(folder, place);
  const path = relative(folder, target);
  if (path !== '' && path !== '..' && !path.startsWith(`..${sep}`)) return target;
  throw new EngineError('ENGINE_WHEEL', { file: wheel, found: `an entry ${place} that leaves the folder`, remedy: 'Do not use this file.' });
}

/** Flushes a finished file or folder to the disk, so that a rename after it never shows an empty one. */
export async function flush(path: string): Promise<void> {
  const handle = await openFile(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function openZip(file: string): Promise<ZipFile> {
  return new Promise((resolve, reject) =>
    open(file, { lazyEntries: true, autoClose: false }, (error, zip) => (error ? reject(damaged(file, error)) : resolve(zip))),
  );
}

function nextEntry(zip: ZipFile, file: string): Promise<Entry | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => {
      zip.removeAllListeners('entry').removeAllListeners('end').removeAllListeners('error');
      then();
    };
    zip.once('entry', (entry: Entry) => settle(() => resolve(entry)));
    zip.once('end', () => settle(() => resolve(undefined)));
    zip.once('error', (error: Error) => settle(() => reject(damaged(file, error))));
    zip.readEntry();
  });
}

function entryStream(zip: ZipFile, entry: Entry): Promise<Readable> {
  return new Promise((resolve, reject) => zip.openReadStream(entry, (error, stream) => (error ? reject(error) : resolve(stream))));
}

function damaged(file: string, cause: Error): EngineError {
  return new EngineError('ENGINE_WHEEL', {
    file,
    found: `a damaged wheel (${cause.message})`,
    remedy: 'Delete the file and type `chop engine install` again.',
    cause,
  });
}
