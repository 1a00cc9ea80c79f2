import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Random } from '@chop/core';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TINY, writeTinyModel } from './tiny-model.js';

const CHOP = fileURLToPath(new URL('../bin/chop.js', import.meta.url));

/** How many times a run is killed: `CHOP_KILLS`. */
const KILLS = Number(process.env['CHOP_KILLS'] ?? 4);
/** Moments are drawn anew each time; `CHOP_KILL_SEED` draws those of a failure again. */
const SEED = Number(process.env['CHOP_KILL_SEED'] ?? Date.now() % 1_000_000);
const STEPS = 40;
/** Before patience can have ended a run. */
const EARLY_STEPS = 8;
/** A start takes a second or two, on a busy machine ten. */
const MILLISECONDS = 60_000 + KILLS * 20_000;
/** A poll of the log takes less than a step. */
const POLL_MILLISECONDS = 3;

let base: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'chop-kill-'));
  await writeTinyModel(join(base, 'model'));
  await writeTinyModel(join(base, 'teacher'), { ...TINY, num_hidden_layers: 6 });
  const random = Random.of(1, 'text');
  const words = 'layers of a language model are dropped and it learns again what they knew from text that nobody has read to it'.split(' ');
  const text = (count: number): string => Array.from({ length: count }, () => words[random.integer(words.length)]).join(' ');
  await writeFile(join(base, 'train.txt'), text(4000));
  await writeFile(join(base, 'valid.txt'), text(400));
  const rows = Array.from({ length: 6 }, (_, label) => ({ goal: text(4), sol1: text(2), sol2: text(3), label: label % 2 }));
  await writeFile(join(base, 'piqa.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
});
afterAll(() => rm(base, { recursive: true }));

interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

function start(words: readonly string[]): Running {
  const child = spawn(process.execPath, [CHOP, ...words, '--json'], { cwd: base, env: { ...process.env, NODE_OPTIONS: '' } });
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => void (written[name] += text));
  const ended = new Promise<Ended>((resolve) => child.on('close', (exitCode, signal) => resolve({ exitCode, signal, ...written })));
  return { child, ended };
}

/** Steps in the log of an unfinished run. */
async function stepsLogged(out: string): Promise<number> {
  const log = await readFile(join(base, `${out}.training`, 'events.jsonl'), 'utf8').catch(() => '');
  return log.split('\n').filter((line) => line.includes('"type":"step"')).length;
}

/** Lets a run come as far as `step` and that many milliseconds further, or to its end. */
async function passed({ child }: Running, out: string, step: number, milliseconds: number): Promise<void> {
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  while (isRunning() && (await stepsLogged(out)) < step) await wait(POLL_MILLISECONDS);
  await wait(milliseconds);
}

interface Result {
  /** SHA-256 of the written weights. */
  readonly weights: string;
  readonly losses: readonly number[];
  /** Whether patience ended it. */
  readonly stopped: boolean;
}

async function result(out: string): Promise<Result> {
  const log = await readFile(join(base, out, 'training.jsonl'), 'utf8');
  const events = log
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { type: string; loss: number });
  const weights = createHash('sha256')
    .update(await readFile(join(base, out, 'model.safetensors')))
    .digest('hex');
  return { weights, losses: events.flatMap(({ type, loss }) => (type === 'step' ? [loss] : [])), stopped: events.some(({ type }) => type === 'stop') };
}

async function finished(words: readonly string[], out: string): Promise<Result> {
  const { exitCode, stderr, stdout } = await start(words).ended;
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}\n${stdout}\n${stderr}`);
  return result(out);
}

/** A run of {@link STEPS} steps that saves every third. */
const training = (out: string, ...more: string[]): string[] => [
  ...['train', 'model', '--out', out, '--data', 'train.txt', '--steps', `${STEPS}`, '--batch-size', '2', '--window', '32', '--lr', '3e-3'],
  ...['--save-every', '192', ...more],
];

const DIM_CHOP = 'DimCHOP with distillation and evaluation';
const SHARED_AXES = 'DimCHOP along shared axes';
const PATIENCE = 'patience with tasks, whose best weights are kept';
/** Runs that differ little from another one. */
const KILLED_HALF: readonly string[] = [SHARED_AXES, PATIENCE];

const RUNS: Record<string, string[]> = {
  [DIM_CHOP]: [
    ...['--prune', 'dim-chop', '--set', 'every=4', '--set', 'warmupSteps=3', '--distill', 'distill-logits', '--teacher', 'teacher'],
    ...['--valid', 'valid.txt', '--eval-every', '320'],
  ],
  // Of six examples the share of right answers soon is as good as it gets: the run ends early, and not with its last weights.
  [PATIENCE]: [
    ...['--eval-tasks', 'piqa', '--eval-task-data', 'piqa=piqa.jsonl', '--valid', 'valid.txt', '--eval-every', '128', '--patience', '4', '--watch', 'piqa'],
  ],
  [SHARED_AXES]: ['--prune', 'dim-chop', '--set', 'every=5', '--set', 'shared=[ffn, kv, width]'],
  'LayerCHOP one layer after the other, on a stream of text': [
    '--prune',
    'layer-chop',
    '--set',
    'keep=2',
    '--set',
    'gapTokens=1280',
    '--set',
    'warmupSteps=6',
    '--accumulate',
    '2',
    '--optimizer',
    'lion',
    '--shuffle-buffer',
    '11',
  ],
};

const wholes = new Map<string, Promise<Result>>();

/** What the run comes to that nobody kills: computed once. */
function whole(name: string): Promise<Result> {
  const out = `${name.replaceAll(' ', '-')}-whole`;
  if (!wholes.has(name)) wholes.set(name, finished(training(out, ...RUNS[name]!), out));
  return wholes.get(name)!;
}

describe.each(Object.entries(RUNS))('%s', (name, options) => {
  test(
    'killed at random moments and resumed gives the bytes of the run that nobody killed',
    async () => {
      const out = name.replaceAll(' ', '-');
      const expected = await whole(name);
      const random = Random.of(SEED, name);
      const moments = Array.from({ length: KILLED_HALF.includes(name) ? Math.ceil(KILLS / 2) : KILLS }, () => ({
        step: random.integer((name === PATIENCE ? EARLY_STEPS : STEPS) + 1),
        milliseconds: random.integer(60),
      })).sort((a, b) => a.step - b.step);
      let killed = 0;
      for (const { step, milliseconds } of moments) {
        const run = start(training(out, ...options, '--resume'));
        await passed(run, out, step, milliseconds);
        run.child.kill('SIGKILL');
        const { signal, exitCode, stdout, stderr } = await run.ended;
        if (signal === 'SIGKILL') killed++;
        else if (exitCode === 0) break;
        else throw new Error(`seed ${SEED}: exit code ${exitCode}\n${stdout}\n${stderr}`);
      }
      const isDone = !(await readdir(base)).includes(`${out}.training`) && (await readdir(base)).includes(out);
      const resumed = isDone ? await result(out) : await finished(training(out, ...options, '--resume'), out);
      expect({ seed: SEED, moments, ...resumed }).toEqual({ seed: SEED, moments, ...expected });
      expect([killed > 0, resumed.stopped]).toEqual([true, name === PATIENCE]);
      expect((await readdir(base)).filter((entry) => entry.startsWith(`${out}.`))).toEqual([]);
    },
    MILLISECONDS,
  );
});

test('Ctrl-C saves and stops with exit code 130; resumed, the bytes are those of the whole run', async () => {
  const options = RUNS[DIM_CHOP]!;
  const run = start(training('stopped', ...options));
  await passed(run, 'stopped', 16, 0);
  run.child.kill('SIGINT');
  const { exitCode, stdout } = await run.ended;
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
  expect({ exitCode, code: error.code }).toEqual({ exitCode: 130, code: 'INTERRUPTED' });
  expect(error.message).toContain('--resume');
  // Saved where it stopped, between two snapshots that were due.
  const [, step] = /after step (\d+) of/.exec(error.message)!;
  expect((await readdir(join(base, 'stopped.training', 'snapshots'))).at(-1)).toBe(`step-${step!.padStart(8, '0')}`);
  expect(await readdir(base)).not.toContain('stopped');
  expect(await finished(training('stopped', ...options, '--resume'), 'stopped')).toEqual(await whole(DIM_CHOP));
});
