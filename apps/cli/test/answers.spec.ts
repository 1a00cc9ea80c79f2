import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Random } from '@chop/core';
import { cacheFolder } from '@chop/kernels';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const CHOP = fileURLToPath(new URL('../bin/chop.js', import.meta.url));
const EXAMPLES = 200;
/** Polls take less time than a pass. */
const POLL_MILLISECONDS = 2;
const MILLISECONDS = 120_000;

let base: string;
let home: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'chop-answers-'));
  home = join(base, 'home');
  await mkdir(home);
  // The same engine, another cache of answers.
  await symlink(join(cacheFolder(), 'engines'), join(home, 'engines'));
  const random = Random.of(1, 'rows');
  const words = 'the cat sat on a mat and looked at birds that sang in trees over there all day long'.split(' ');
  const text = (count: number): string => Array.from({ length: count }, () => words[random.integer(words.length)]).join(' ');
  const rows = Array.from({ length: EXAMPLES }, () => ({ goal: text(40), sol1: text(8), sol2: text(9), label: random.integer(2) }));
  await writeFile(join(base, 'piqa.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
});
afterAll(() => rm(base, { recursive: true }));

function start(...more: string[]): { child: ChildProcess; ended: Promise<{ signal: NodeJS.Signals | null; stdout: string }> } {
  const words = ['eval', 'embedded', '--tasks', 'piqa', '--task-data', 'piqa=piqa.jsonl', '--json', ...more];
  const child = spawn(process.execPath, [CHOP, ...words], { cwd: base, env: { ...process.env, NODE_OPTIONS: '', CHOP_HOME: home } });
  let stdout = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => void (stdout += text));
  return { child, ended: new Promise((resolve) => child.on('close', (_, signal) => resolve({ signal, stdout }))) };
}

interface Told {
  readonly tasks: object;
  readonly requests: number;
  readonly fromCache?: number;
}

async function finished(...more: string[]): Promise<Told> {
  return JSON.parse((await start(...more).ended).stdout) as Told;
}

async function answersKept(): Promise<number> {
  const files = await readdir(join(home, 'answers')).catch(() => []);
  const texts = await Promise.all(files.map((file) => readFile(join(home, 'answers', file), 'utf8')));
  return texts.reduce((sum, text) => sum + text.split('\n').length - 2, 0);
}

test(
  'a killed evaluation goes on where it was, a second one is there at once, and the numbers are those of one that keeps nothing',
  async () => {
    const expected = await finished('--no-cache');
    expect(expected).not.toHaveProperty('fromCache');
    expect(await readdir(home)).toEqual(['engines']);
    const killed = start();
    while (killed.child.exitCode === null && (await answersKept()) < 1) await wait(POLL_MILLISECONDS);
    killed.child.kill('SIGKILL');
    expect((await killed.ended).signal).toBe('SIGKILL');
    const kept = await answersKept();
    expect(kept).toBeLessThan(expected.requests);
    const resumed = await finished();
    // A last line may have been torn.
    expect(resumed.fromCache).toBeGreaterThanOrEqual(Math.max(1, kept - 1));
    expect(resumed.fromCache).toBeLessThan(expected.requests);
    const again = await finished();
    expect([resumed.tasks, again.tasks]).toEqual([expected.tasks, expected.tasks]);
    expect([again.requests, again.fromCache]).toEqual([expected.requests, expected.requests]);
  },
  MILLISECONDS,
);
