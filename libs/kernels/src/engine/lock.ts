import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '@chop/core';

/** Who holds a lock or owns a temporary folder. */
export interface Owner {
  readonly host: string;
  readonly pid: number;
}

interface Holder extends Owner {
  readonly token: string;
}

/** How often a holder touches its lock, how often a waiter looks, and the age at which a lock is taken for abandoned. */
export interface LockTimes {
  readonly beatMs: number;
  readonly lookMs: number;
  readonly staleMs: number;
}

// Five missed beats and more: a busy disk or a paused laptop must not lose its lock at once.
const TIMES: LockTimes = { beatMs: 5_000, lookMs: 250, staleMs: 60_000 };

/** This process, as it signs its locks and temporary folders. */
export function thisOwner(): Owner {
  return { host: hostname(), pid: process.pid };
}

/** Whether an owner on this machine has ended. Of one on another machine that shares the disk nothing is known. */
export function hasEnded({ host, pid }: Owner): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/**
 * Does some work while holding a lock file that other processes respect. A lock whose holder has ended, or has not
 * touched it for a minute, is taken over.
 *
 * @param file - the lock file; its folder must exist.
 * @param onWait - told once, with the holder, when somebody else holds it.
 * @throws {@link InterruptedError} when the signal fires while waiting.
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  { onWait, signal, times = TIMES }: { onWait?: (holder: Owner) => void; signal?: AbortSignal | undefined; times?: LockTimes } = {},
): Promise<T> {
  const mine: Holder = { ...thisOwner(), token: randomUUID() };
  let told = false;
  while (!(await create(file, mine))) {
    throwIfAborted(signal);
    const holder = await read(file);
    if (await isStale(file, holder, times)) {
      await takeAway(file, holder);
      continue;
    }
    if (!told && holder !== undefined) onWait?.(holder);
    told = holder !== undefined;
    await sleep(times.lookMs);
  }
  const beat = setInterval(() => void utimes(file, new Date(), new Date()).catch(() => undefined), times.beatMs).unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    if ((await read(file))?.token === mine.token) await rm(file, { force: true });
  }
}

/** Appears complete or not at all: written aside, then linked, which fails where the name is taken. */
async function create(file: string, holder: Holder): Promise<boolean> {
  const aside = `${file}.${holder.token}`;
  const handle = await open(aside, 'wx');
  try {
    await handle.writeFile(JSON.stringify(holder));
  } finally {
    await handle.close();
  }
  try {
    await link(aside, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function read(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

async function isStale(file: string, holder: Holder | undefined, { staleMs }: LockTimes): Promise<boolean> {
  if (holder !== undefined && hasEnded(holder)) return true;
  const touched = await stat(file).catch(() => undefined);
  return touched !== undefined && Date.now() - touched.mtimeMs > staleMs;
}

/** Moves a stale lock away; if another waiter was faster and this is already a fresh one, puts it back. */
async function takeAway(file: string, stale: Holder | undefined): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch {
    return;
  }
  if ((await read(aside))?.token !== stale?.token) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
}
