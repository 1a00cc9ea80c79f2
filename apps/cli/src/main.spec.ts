import { EventEmitter } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Common, PlanResult, TrainResult } from '@chop/chop';
import { InterruptedError, UsageError } from '@chop/core/error';
import { describe, expect, test } from '@jest/globals';
import { main } from './main.js';
import type { Engines, Surroundings, Verbs } from './surroundings.js';

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly exits: readonly number[];
}

/** Runs a command line over verbs that a test gives. */
async function chop(
  argv: readonly string[],
  given: { verbs?: Partial<Verbs>; engines?: Partial<Engines>; signals?: EventEmitter } & Partial<Omit<Surroundings, 'engines' | 'signals'>> = {},
): Promise<Outcome> {
  const { verbs = {}, engines = {}, signals = new EventEmitter(), ...rest } = given;
  const out = { stdout: '', stderr: '' };
  const exits: number[] = [];
  const exitCode = await main(['node', 'chop', ...argv], {
    stdout: { write: (text) => void (out.stdout += text) },
    stderr: { write: (text) => void (out.stderr += text) },
    environment: {},
    signals,
    exit: (code) => void exits.push(code),
    compose: async () => verbs as Verbs,
    engines: async () => engines as Engines,
    ...rest,
  });
  return { exitCode, ...out, exits };
}

const trained: TrainResult = {
  out: 'o',
  parameters: 1000,
  bytes: 4000,
  seconds: 2,
  files: [],
  explanation: 'nothing changes',
  steps: 2,
  tokens: 64,
  losses: [5, 4],
  tokensPerSecond: 32,
  peakBytes: 1e6,
  processPeakBytes: 2e6,
  evaluations: [],
};
const methods: Partial<Verbs> = {
  method: (name, options = {}) => ({ method: { name } as never, options }),
  loss: (name, { teacher, ...options }) => ({ method: { name } as never, options, teacher }),
  plugins: () => [
    { name: 'layer-chop', kind: 'pruner', package: 'p', version: '1', description: '', options: { properties: { keep: {} } } },
    { name: 'distill-logits', kind: 'distiller', package: 'd', version: '1', description: '', options: { properties: { temperature: {} } } },
  ],
};

/** The requests that `train` got. */
async function requests(argv: readonly string[]): Promise<{ outcome: Outcome; received: Parameters<Verbs['train']>[] }> {
  const received: Parameters<Verbs['train']>[] = [];
  const outcome = await chop(argv, {
    verbs: { ...methods, train: async (...request) => (received.push(request), { training: trained, close: async () => {} } as never) },
  });
  return { outcome, received };
}

describe('the program', () => {
  test('alone prints its help', async () => {
    const { exitCode, stdout, stderr } = await chop([]);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Usage: chop <command>/);
    for (const name of [
      'run',
      'compare',
      'report',
      'inspect',
      'plan',
      'prune',
      'apply',
      'train',
      'eval',
      'generate',
      'tokenize',
      'export',
      'plugins',
      'schema',
      'doctor',
      'engine',
      'completion',
    ]) {
      expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    }
  });

  test.each([
    'run',
    'compare',
    'report',
    'inspect',
    'plan',
    'prune',
    'apply',
    'train',
    'eval',
    'generate',
    'tokenize',
    'export',
    'plugins',
    'schema',
    'doctor',
    'engine install',
    'completion',
  ])('%s --help has examples', async (name) => {
    const { exitCode, stdout } = await chop([...name.split(' '), '--help']);
    expect(exitCode).toBe(0);
    expect(stdout.split(/^ {2}\$ chop |^ {2}\$ source /m).length - 1).toBeGreaterThanOrEqual(2);
    expect(stdout).toContain('--json');
  });

  test.each([
    [['prun', 'x'], 'COMMAND_UNKNOWN', 'prune'],
    [['inspect', 'm', '--jsn'], 'OPTION_UNKNOWN', '--json'],
    [['inspect'], 'ARGUMENT_MISSING', 'chop inspect --help'],
    [['inspect', 'm', 'n'], 'ARGUMENT_UNKNOWN', 'chop inspect --help'],
    [['prune', 'layer-chop', 'm'], 'OPTION_MISSING', 'chop prune --help'],
    [['eval', 'm', '--window', 'wide'], 'OPTION_VALUE', 'chop eval --help'],
    [['eval', 'm', '--engine', 'warp'], 'OPTION_VALUE', 'tensorflow, webgpu, wasm, cpu'],
    [['engine', 'instal'], 'COMMAND_UNKNOWN', 'install'],
    [['train', 'm', '--data', 'd', '--out', 'o', '--schedule', 'cosin'], 'OPTION_VALUE', 'cosine'],
    [['train', '--data', 'd', '--out', 'o'], 'ARGUMENT_MISSING', '--from-scratch'],
    [['train', 'm', '--data', 'd', '--out', 'o', '--set', 'keep=2'], 'OPTION_UNKNOWN', '--prune'],
    [['train', 'm', '--data', 'd', '--out', 'o', '--teacher', 't'], 'OPTION_MISSING', '--distill'],
  ])('%j is wrong use: %s', async (argv, code, word) => {
    const { exitCode, stdout, stderr } = await chop(argv, { verbs: methods });
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(new RegExp(`^chop: ${code}: `));
    expect(stderr).toContain(word);
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
  });

  test('wrong use is told as JSON to a program', async () => {
    const { exitCode, stdout, stderr } = await chop(['inspect', '--json']);
    expect([exitCode, stderr]).toEqual([2, '']);
    expect(JSON.parse(stdout)).toEqual({
      error: { code: 'ARGUMENT_MISSING', message: "missing required argument 'model'", remedy: 'See `chop inspect --help`.' },
    });
  });
});

describe('a failure', () => {
  const fails = (error: Error): Partial<Verbs> => ({ inspect: () => Promise.reject(error) });

  test('is told on standard error, and ends with its exit code', async () => {
    const { exitCode, stdout, stderr } = await chop(['inspect', 'm'], {
      verbs: fails(new UsageError('MODEL_ODD', { found: 'an odd one', remedy: 'Take another.' })),
    });
    expect([exitCode, stdout, stderr]).toEqual([2, '', 'chop: MODEL_ODD: found an odd one.\nTake another.\n']);
  });

  test('is one JSON object on standard output with --json', async () => {
    const { stdout, stderr } = await chop(['--json', 'inspect', 'm'], {
      verbs: fails(new UsageError('MODEL_ODD', { found: 'an odd one', remedy: 'Take another.' })),
    });
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'MODEL_ODD', remedy: 'Take another.', found: 'an odd one' } });
    expect(stderr).toBe('');
  });

  test('shows where it came from when asked to', async () => {
    const bug = fails(new TypeError('x is undefined'));
    expect((await chop(['inspect', 'm'], { verbs: bug })).stderr).not.toContain('main.spec.ts');
    const { exitCode, stderr } = await chop(['inspect', 'm', '--log-level', 'debug'], { verbs: bug });
    expect([exitCode, stderr.includes('main.spec.ts')]).toEqual([1, true]);
  });

  test('is red on a terminal, unless NO_COLOR is set', async () => {
    let text = '';
    const stderr = { isTTY: true, write: (piece: string) => void (text += piece) };
    await chop(['nonsense'], { stderr });
    expect(text).toContain('\u001b[31mchop: COMMAND_UNKNOWN\u001b[39m');
    text = '';
    await chop(['nonsense'], { stderr, environment: { NO_COLOR: '1' } });
    expect(text).not.toContain('\u001b');
  });
});

describe('Ctrl-C', () => {
  const until = (signal: AbortSignal): Promise<void> => new Promise((resolve) => signal.addEventListener('abort', () => resolve()));

  test('asks to save and stop: 130', async () => {
    const signals = new EventEmitter();
    const evaluate: Verbs['evaluate'] = async (_models, { signal }) => {
      queueMicrotask(() => signals.emit('SIGINT'));
      await until(signal!);
      throw new InterruptedError();
    };
    const { exitCode, stderr, exits } = await chop(['eval', 'm', '--latency'], { verbs: { evaluate }, signals });
    expect([exitCode, exits]).toEqual([130, []]);
    expect(stderr).toContain('press Ctrl-C again to stop at once');
    expect(signals.listenerCount('SIGINT')).toBe(0);
  });

  test('a second time ends the program at once', async () => {
    const signals = new EventEmitter();
    const evaluate: Verbs['evaluate'] = async () => {
      signals.emit('SIGINT');
      signals.emit('SIGINT');
      throw new InterruptedError();
    };
    expect((await chop(['eval', 'm', '--latency'], { verbs: { evaluate }, signals })).exits).toEqual([130]);
  });
});

describe('train', () => {
  test('hands on what the flags say, and leaves out what they do not say', async () => {
    const { received } = await requests([
      'train',
      'm',
      '--data',
      'a.jsonl=3',
      'b.txt=1',
      '--tokens',
      '1M',
      '--out',
      'o',
      '--batch-size',
      '4',
      '--betas',
      '0.9,0.99',
      '--join',
      '\\n\\n',
      '--document-mask',
      '--seed',
      '7',
      '--threads',
      '2',
      '--engine',
      'wasm',
    ]);
    const [[model, { signal, onProgress, onMessage, ...request }]] = received as [Parameters<Verbs['train']>];
    expect(model).toBe('m');
    expect([signal, onProgress, onMessage].every((part) => part !== undefined)).toBe(true);
    expect(request).toEqual({
      data: ['a.jsonl=3', 'b.txt=1'],
      out: 'o',
      engine: 'wasm',
      threads: 2,
      seed: 7,
      tokens: 1_000_000,
      batchSize: 4,
      betas: [0.9, 0.99],
      join: '\n\n',
      documentMask: true,
    });
  });

  test('gives a pruner and a distiller their own settings; the teacher is the model itself if none is named', async () => {
    const { received } = await requests([
      'train',
      'm',
      '--data',
      'd',
      '--steps',
      '2',
      '--out',
      'o',
      '--prune',
      'layer-chop',
      '--distill',
      'distill-logits',
      '--set',
      'keep=4',
      '--set',
      'temperature=3',
      '--samples',
      '8',
      '--force',
    ]);
    expect(received[0]![1]).toMatchObject({
      force: true,
      prune: { method: { name: 'layer-chop' }, options: { keep: 4 } },
      loss: { method: { name: 'distill-logits' }, options: { temperature: 3 }, teacher: 'm' },
      calibration: { samples: 8 },
    });
  });

  test('starts from random weights of a config', async () => {
    const { received } = await requests(['train', '--from-scratch', 'c.json', '--tokenizer', 'embedded', '--data', 'd', '--steps', '2', '--out', 'o']);
    expect(received[0]![0]).toEqual({ fromScratch: 'c.json', tokenizer: 'embedded' });
  });

  test('prints one object for programs and a summary for people', async () => {
    const argv = ['train', 'm', '--data', 'd', '--steps', '2', '--out', 'o'];
    expect(JSON.parse((await requests([...argv, '--json'])).outcome.stdout)).toEqual(trained);
    const { stdout } = (await requests(argv)).outcome;
    expect(stdout).toContain('loss 5.000 → 4.000');
    expect(stdout).not.toContain('nothing changes');
  });
});

describe('what goes where', () => {
  const talking = async (_models: unknown, { onMessage }: Common): Promise<never> => {
    onMessage?.('engine cpu');
    throw new UsageError('STOP', { found: 'enough' });
  };

  test('messages go to standard error, and nowhere when quiet', async () => {
    expect((await chop(['eval', 'm', '--latency'], { verbs: { evaluate: talking } })).stderr).toMatch(/^engine cpu\nchop: STOP/);
    for (const flags of [['--quiet'], ['--log-level', 'error']])
      expect((await chop(['eval', 'm', '--latency', ...flags], { verbs: { evaluate: talking } })).stderr).toMatch(/^chop: STOP/);
  });

  test('generate streams the prompt and what follows; with --chat the answer only; with --json one object', async () => {
    const generate: Verbs['generate'] = async (_model, prompt, { onText } = {}) => {
      for (const piece of [' runs', ' down']) onText?.(piece);
      return { text: `${prompt} runs down`, ids: [1, 2], tokensPerSecond: 3 };
    };
    expect((await chop(['generate', 'm', 'The river'], { verbs: { generate } })).stdout).toBe('The river runs down\n');
    expect((await chop(['generate', 'm', 'The river', '--chat'], { verbs: { generate } })).stdout).toBe(' runs down\n');
    expect(JSON.parse((await chop(['generate', 'm', 'The river', '--json'], { verbs: { generate } })).stdout)).toEqual({
      text: 'The river runs down',
      ids: [1, 2],
      tokensPerSecond: 3,
    });
    expect((await chop(['generate', 'm', '-'], { verbs: { generate }, stdin: Readable.from(['The ', 'sea']) })).stdout).toBe('The sea runs down\n');
  });

  test('a plan is saved where nothing is yet, or with --force', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chop-cli-'));
    const file = join(folder, 'plan.json');
    const summary = {
      strategy: 's',
      keep: { layer: [0, 3] },
      masks: [],
      replaces: [],
      parametersBefore: 10,
      parametersAfter: 5,
      bytesBefore: 40,
      bytesAfter: 20,
      layersBefore: 4,
      layersAfter: 2,
      explanation: 'layer 4 → 2',
      loaders: [{ loader: 'transformers', loads: true }],
      seconds: 1,
    } satisfies PlanResult;
    const plan: Verbs['plan'] = async () => ({ summary, save: async (to: string) => (await writeFile(to, '{}'), [to]) }) as never;
    const argv = ['plan', 'layer-chop', 'm', '-o', file, '--json'];
    expect(JSON.parse((await chop(argv, { verbs: { ...methods, plan } })).stdout)).toEqual({ ...summary, out: file, files: [file] });
    expect(JSON.parse((await chop(argv, { verbs: { ...methods, plan } })).stdout)).toMatchObject({ error: { code: 'OUTPUT_EXISTS' } });
    expect((await chop([...argv, '--force'], { verbs: { ...methods, plan } })).exitCode).toBe(0);
    await rm(folder, { recursive: true });
  });

  test('doctor tells what is wrong, plugins included, and ends with 3', async () => {
    const engines: Partial<Engines> = { diagnoseEngine: async () => [{ name: 'node', status: 'ok', found: 'v20' }] };
    const runtimes: Verbs['runtimes'] = () => [{ name: 'llama.cpp', package: 'p', version: '1.2', folder: '/f', where: 'cache' }];
    expect(JSON.parse((await chop(['doctor', '--json'], { engines, verbs: { ...methods, runtimes } })).stdout)).toEqual({
      ok: true,
      checks: [
        { name: 'node', status: 'ok', found: 'v20' },
        { name: 'plugins', status: 'ok', found: '2 from 2 packages' },
        { name: 'runtimes', status: 'ok', found: 'llama.cpp 1.2 (cache)', remedy: expect.stringContaining('--runtime') as unknown },
      ],
    });
    const broken = await chop(['doctor', '--plugin', 'absent', '--json'], {
      engines,
      compose: () => Promise.reject(new UsageError('PLUGIN_MISSING', { found: 'no package absent', remedy: 'npm install absent' })),
    });
    expect(broken.exitCode).toBe(3);
    expect(JSON.parse(broken.stdout)).toMatchObject({ ok: false, checks: [{}, { name: 'plugins', status: 'fail', remedy: 'npm install absent' }] });
  });
});
