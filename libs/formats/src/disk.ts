import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { OutputError } from '@chop/core';

/** Asks the file system for its free bytes, of an output's nearest folder that is there. Replaced by tests. */
export type FreeBytes = (folder: string) => Promise<number>;

/** Beside an output: names, headers, the file system's own blocks. In bytes. */
const SPARE_BYTES = 1e6;

/**
 * Refuses an output that its disk has no room for, before anything is written. What cannot be asked is not refused.
 *
 * @param bytes - that will be written; an old output in its place goes only when the new one is whole.
 * @throws {@link OutputError} `OUTPUT_DISK_FULL`
 */
export async function checkDisk(output: string, bytes: number, freeBytes: FreeBytes = askFreeBytes): Promise<void> {
  const free = await nearestFree(dirname(resolve(output)), freeBytes);
  if (free === undefined || bytes + SPARE_BYTES <= free) return;
  throw new OutputError('OUTPUT_DISK_FULL', {
    file: output,
    found: `${gigabytes(free)} of free space`,
    expected: `room for ${gigabytes(bytes)}`,
    remedy: 'Free some space or choose another disk; nothing was written.',
  });
}

async function nearestFree(folder: string, freeBytes: FreeBytes): Promise<number | undefined> {
  try {
    return await freeBytes(folder);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT' && dirname(folder) !== folder;
    return missing ? nearestFree(dirname(folder), freeBytes) : undefined;
  }
}

async function askFreeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
