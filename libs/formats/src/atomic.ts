import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, readdir, realpath, rename, rm, rmdir, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ChopError, OutputError, UsageError } from '@chop/core';
import { type Write, type WriteOptions, writeStream } from './write-stream.js';

/**
 * Writes a file as a whole: beside its place, synced, then renamed. Whoever looks sees the old file or the new one.
 *
 * @throws {@link OutputError} `OUTPUT_DISK_FULL`, `OUTPUT_READ_ONLY`, `OUTPUT_GONE`, `OUTPUT_FAILED`; then the old file is untouched and nothing is left beside it.
 */
export async function atomicFile(path: string, data: Uint8Array | string): Promise<void> {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  await atomicStream(path, {}, (write) => write(bytes));
}

/** Looks at what was written before it gets its name: what it throws leaves everything as it was. */
export type Check = (temporary: string) => Promise<void>;

/** As {@link atomicFile}, piece by piece. */
export async function atomicStream(
  path: string,
  { check, ...options }: WriteOptions & { readonly check?: Check | undefined },
  produce: (write: Write) => Promise<void>,
): Promise<void> {
  await beside(path, async (temporary, target) => {
    await writeStream(temporary, options, produce);
    await check?.(temporary);
    await rename(temporary, target);
  });
}

/** Runs `write` with a free name beside `path`, for it to rename or link from; what is left under that name is removed. */
export async function atomicPlace(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  await beside(path, async (temporary) => {
    await write(temporary);
    await rm(temporary, { force: true });
  });
}

/** When a folder that is there already may be replaced. */
export interface AtomicFolderOptions {
  /** Replace a folder that is there already; without it, one that is not empty is refused. */
  readonly force?: boolean | undefined;
  /** Why an existing folder must not be replaced even with `force`, or undefined when it may: keeps `--force` from deleting what was never ours. */
  readonly objection: (folder: string) => Promise<string | undefined>;
}

/**
 * Writes a folder as a whole: `build` fills a hidden folder beside it with files that it syncs
 * itself ({@link writeStream} does); then the folder is synced and renamed. An old folder is
 * set aside first, comes back if the new one cannot take its place, and is deleted last.
 *
 * @throws {@link UsageError} `OUTPUT_EXISTS`, `OUTPUT_FOREIGN`
 * @throws {@link OutputError} `OUTPUT_DISK_FULL`, `OUTPUT_READ_ONLY`, `OUTPUT_GONE`, `OUTPUT_FAILED`; nothing is left behind.
 */
export async function atomicFolder(path: string, options: AtomicFolderOptions, build: (temporary: string) => Promise<void>): Promise<void> {
  await checkReplaceable(path, options).catch((cause: unknown) => {
    throw outputError(cause, path);
  });
  await beside(path, async (temporary, target) => {
    await mkdir(temporary);
    await build(temporary);
    await syncFolders(temporary);
    await swap(temporary, target, options);
  });
}

/** Removes a folder so that it is there as a whole or not at all, whenever the process is killed; what is left then goes with the next write beside it. */
export async function removeFolder(path: string): Promise<void> {
  const doomed = partialName(await real(path));
  const there = await rename(path, doomed).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw outputError(error, path);
    },
  );
  // It is gone from its place; what cannot be removed now goes with the next write beside it.
  if (there) await rm(doomed, { recursive: true, force: true }).catch(() => undefined);
}

/** Syncs a folder and those in it: which names they hold. */
async function syncFolders(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) if (entry.isDirectory()) await syncFolders(join(folder, entry.name));
  await syncPath(folder);
}

/**
 * Whether a folder may be written there.
 *
 * @throws {@link UsageError} `OUTPUT_EXISTS`, `OUTPUT_FOREIGN`
 */
export async function checkReplaceable(path: string, { force, objection }: AtomicFolderOptions): Promise<void> {
  await recover(path);
  const found = await lstat(await real(path)).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isDirectory()) throw new UsageError('OUTPUT_EXISTS', { file: path, found: 'a file', expected: 'a new folder', remedy: 'Choose another output.' });
  if ((await readdir(path)).length === 0) return;
  if (!force)
    throw new UsageError('OUTPUT_EXISTS', {
      file: path,
      found: 'a folder that is not empty',
      expected: 'a new folder',
      remedy: 'Choose another output, or replace it with --force.',
    });
  await removeStaleIn(path);
  const reason = await objection(path);
  if (reason !== undefined)
    throw new UsageError('OUTPUT_FOREIGN', {
      file: path,
      found: reason,
      expected: 'a folder that chop may replace',
      remedy: 'Move it away yourself, or choose another output.',
    });
}

/**
 * Whether a file may be written there; a folder never gives way to one.
 *
 * @throws {@link UsageError} `OUTPUT_EXISTS`
 */
export async function checkFreeFile(file: string, { force = false }: { readonly force?: boolean | undefined } = {}): Promise<void> {
  const there = await stat(file).catch(() => undefined);
  if (there?.isDirectory())
    throw new UsageError('OUTPUT_EXISTS', { file, found: 'a folder', expected: 'a file to be made', remedy: `Name a file in it: ${join(file, 'NAME')}.` });
  if (there && !force)
    throw new UsageError('OUTPUT_EXISTS', {
      file,
      found: 'something there already',
      expected: 'a new file',
      remedy: 'Choose another name, or replace it with --force.',
    });
}

async function swap(temporary: string, target: string, options: AtomicFolderOptions): Promise<void> {
  await checkReplaceable(target, options);
  const old = `${temporary}${ASIDE}`;
  const aside = await rename(target, old).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  try {
    await rename(temporary, target);
  } catch (error) {
    if (aside) await rename(old, target);
    throw error;
  }
  // The new one stands; what cannot be removed now goes with the next write of another process.
  if (aside) await rm(old, { recursive: true, force: true }).catch(() => undefined);
}

/** Runs `write` with a free name beside `path`, and removes everything it made when it fails. */
async function beside(path: string, write: (temporary: string, target: string) => Promise<void>): Promise<void> {
  const target = await real(path);
  const parent = dirname(target);
  const temporary = partialName(target);
  let made: string | undefined;
  try {
    made = await mkdir(parent, { recursive: true });
    await removeStale(target);
    await write(temporary, target);
    await syncPath(parent);
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    if (made !== undefined) await removeEmpty(parent, made);
    throw outputError(cause, path);
  }
}

/** Ends the name of what is set aside while something takes its place. */
const ASIDE = '-old';

function partialPrefix(target: string): string {
  return `.${basename(target)}.partial-`;
}

function partialName(target: string): string {
  return join(dirname(target), `${partialPrefix(target)}${process.pid}-${randomBytes(3).toString('hex')}`);
}

/**
 * Brings back what a process had set aside when it was killed between the two renames of a replacement: the only moment when neither the old state nor the new one
 * stands in its place. True when there was something.
 */
export async function recover(path: string): Promise<boolean> {
  const target = await real(path);
  if (await lstat(target).catch(() => undefined)) return false;
  const [parent, prefix] = [dirname(target), partialPrefix(target)];
  const aside = (await readdir(parent).catch(() => [])).find((name) => name.endsWith(ASIDE) && isStale(name, prefix));
  return aside !== undefined && rename(join(parent, aside), target).then(() => true);
}

/** What killed processes left beside a place, partials whose process no longer runs: what was set aside comes back where nothing stands ({@link recover}), the rest goes. */
export async function removeStale(path: string): Promise<void> {
  const target = await real(path);
  const [parent, prefix] = [dirname(target), partialPrefix(target)];
  await recover(target);
  for (const name of await readdir(parent).catch(() => [])) if (isStale(name, prefix)) await rm(join(parent, name), { recursive: true, force: true });
}

/** What killed processes were writing in a folder that is to be replaced: the files that it lacks, half written. */
async function removeStaleIn(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const [prefix] = /^\..+\.partial-/.exec(name) ?? [];
    if (prefix !== undefined && !name.endsWith(ASIDE) && isStale(name, prefix)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

function isStale(name: string, prefix: string): boolean {
  const process = name.startsWith(prefix) ? /^(\d+)-[0-9a-f]+(?:-old)?$/.exec(name.slice(prefix.length))?.[1] : undefined;
  return process !== undefined && !isRunning(Number(process));
}

function isRunning(process_: number): boolean {
  try {
    return process.kill(process_, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Removes the parents that were made for an output which then failed, as long as they are empty. */
async function removeEmpty(folder: string, upTo: string): Promise<void> {
  for (let at = folder; at.length >= upTo.length; at = dirname(at)) {
    const removed = await rmdir(at).then(
      () => true,
      () => false,
    );
    if (!removed) return;
  }
}

/** The place that a path means when it is a link to a folder or file. */
async function real(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path));
}

async function syncPath(path: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    await handle.sync();
  } catch (error) {
    // Some systems cannot open or sync a folder (Windows: EPERM, some network mounts: EINVAL); its files are synced all the same.
    if (!['EPERM', 'EISDIR', 'EINVAL', 'EACCES', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await handle?.close();
  }
}

const DISK_FULL = ['ENOSPC', 'EDQUOT', 'EFBIG'];
const GONE = ['ENOENT', 'ENOTDIR', 'EEXIST'];
const READ_ONLY = ['EROFS', 'EACCES', 'EPERM'];

/** What the system said while writing, in our words; every other error as it is. */
export function outputError(cause: unknown, file: string): unknown {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (cause instanceof ChopError || code === undefined || !/^E[A-Z0-9]+$/.test(code)) return cause;
  if (DISK_FULL.includes(code))
    return new OutputError('OUTPUT_DISK_FULL', {
      file,
      found: `no space left (${code})`,
      expected: 'room for the whole output',
      remedy: 'Free some space or choose another disk; nothing was left behind.',
      cause,
    });
  if (READ_ONLY.includes(code))
    return new OutputError('OUTPUT_READ_ONLY', {
      file,
      found: `no permission to write there (${code})`,
      expected: 'a folder that can be written',
      remedy: 'Choose another output; nothing was left behind.',
      cause,
    });
  if (GONE.includes(code))
    return new OutputError('OUTPUT_GONE', {
      file,
      found: `no such file or folder (${message})`,
      expected: 'a place that is there, and stays there while chop writes',
      remedy: 'Something has removed it, or a part of its path is no folder: choose another output and start again.',
      cause,
    });
  return new OutputError('OUTPUT_FAILED', { file, found: message, expected: 'a file system that takes the output', remedy: 'Nothing was left behind.', cause });
}
