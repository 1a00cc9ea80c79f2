import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { withLock } from './lock.js';

const TIMES = { beatMs: 20, lookMs: 5, staleMs: 1000 };
let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-lock-'));
  file = join(folder, 'a.lock');
});
afterEach(() => rm(folder, { recursive: true }));

/** The id of a process that has ended. */
function endedPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

test('ten at once do their work one after another, and no file is left', async () => {
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, (inside += 1));
    await new Promise((resolve) => setTimeout(resolve, 2));
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 10 }, () => withLock(file, work, { times: TIMES })));
  expect(most).toBe(1);
  expect(await readdir(folder)).toEqual([]);
});

test('the lock of a process that has ended is taken over, by one of many waiters at a time', async () => {
  await writeFile(file, JSON.stringify({ host: hostname(), pid: endedPid(), token: 'old' }));
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, (inside += 1));
    await new Promise((resolve) => setTimeout(resolve, 2));
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 5 }, () => withLock(file, work, { times: TIMES })));
  expect(most).toBe(1);
});

test('a lock from another machine is respected while it is touched, and taken over when it is not', async () => {
  await writeFile(file, JSON.stringify({ host: 'elsewhere', pid: process.pid, token: 'theirs' }));
  const stop = new AbortController();
  const waiting = withLock(file, async () => 'in', { times: { ...TIMES, staleMs: 60_000 }, signal: stop.signal, onWait: () => stop.abort() });
  await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ token: 'theirs' });
  const longAgo = new Date(Date.now() - 120_000);
  await utimes(file, longAgo, longAgo);
  expect(await withLock(file, async () => 'in', { times: { ...TIMES, staleMs: 60_000 } })).toBe('in');
});

test('the lock is given back when the work fails', async () => {
  await expect(withLock(file, () => Promise.reject(new Error('no')), { times: TIMES })).rejects.toThrow('no');
  expect(await withLock(file, async () => 'again', { times: TIMES })).toBe('again');
});
