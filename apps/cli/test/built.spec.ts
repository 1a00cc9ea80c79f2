import { execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CHOP = join(ROOT, 'apps/cli/bin/chop.js');
const CONFIG = {
  ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', vocab_size: 4096, hidden_size: 32, intermediate_size: 64, num_hidden_layers: 4 },
  ...{
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 16,
    max_position_embeddings: 64,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: true,
  },
};

const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'NODE_OPTIONS'));
let folder: string;

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

function chop(...argv: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [CHOP, ...argv], { cwd: folder, env: environment }, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode!, stdout, stderr }),
    );
  });
}

beforeAll(async () => {
  if (!existsSync(join(ROOT, 'apps/cli/dist/main.js'))) spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b'], { cwd: ROOT });
  folder = await mkdtemp(join(tmpdir(), 'chop-built-'));
  await writeFile(join(folder, 'config.json'), JSON.stringify(CONFIG));
  await writeFile(join(folder, 'text.txt'), 'The river runs down to the sea, and the sea is wide. '.repeat(40));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('the version is that of the package', async () => {
  const { version } = JSON.parse(await readFile(join(ROOT, 'apps/cli/package.json'), 'utf8')) as { version: string };
  expect(await chop('--version')).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
});

test('wrong use ends with 2 and the nearest spelling', async () => {
  const { exitCode, stdout, stderr } = await chop('inspekt', 'embedded');
  expect([exitCode, stdout]).toEqual([2, '']);
  expect(stderr).toBe("chop: COMMAND_UNKNOWN: unknown command 'inspekt'\nDid you mean inspect? See `chop --help`.\n");
});

test('a reader that has seen enough ends the program quietly', async () => {
  const child = spawn(process.execPath, [CHOP, 'schema', 'recipe'], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  child.stdout.destroy();
  const exitCode = await new Promise((resolve) => child.on('close', resolve));
  expect([exitCode, stderr]).toEqual([0, '']);
});

test('bash completes commands, options and choices', async () => {
  await writeFile(join(folder, 'completion.bash'), (await chop('completion', 'bash')).stdout);
  const complete = (...words: string[]): string[] => {
    const script = `source completion.bash; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _chop; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script], { cwd: folder, encoding: 'utf8' });
    expect(stderr).toBe('');
    return stdout.trim().split('\n');
  };
  expect(complete('chop', 'pl')).toEqual(['plan', 'plugins']);
  expect(complete('chop', 'engine', '')).toContain('install');
  expect(complete('chop', 'train', 'm', '--warm')).toEqual(['--warmup-steps']);
  expect(complete('chop', 'engine', 'install', '--c')).toEqual(['--cuda']);
  expect(complete('chop', 'train', 'm', '--precision', '')).toEqual(['f32', 'bf16']);
});

describe('a tiny model', () => {
  const result = async (...argv: string[]): Promise<unknown> => {
    const { stdout, stderr, exitCode } = await chop(...argv, '--json', '--quiet', '--engine', 'cpu');
    expect([exitCode, stderr]).toEqual([0, '']);
    return JSON.parse(stdout);
  };
  // 2 layers less: q, o 32 × 32, k, v 16 × 32, three of 64 × 32, two norms of 32.
  const layer = 2 * 32 * 32 + 2 * 16 * 32 + 3 * 64 * 32 + 2 * 32;
  const outer = 4096 * 32 + 32;

  beforeAll(async () => {
    const made = await result(
      'train',
      '--from-scratch',
      'config.json',
      '--tokenizer',
      'embedded',
      '--data',
      'text.txt=2',
      'text.txt',
      '--steps',
      '1',
      '--batch-size',
      '1',
      '--window',
      '8',
      '--out',
      'tiny',
    );
    expect(made).toMatchObject({ out: 'tiny', steps: 1, tokens: 8, losses: [expect.any(Number)], parameters: outer + 4 * layer });
    await rm(join(folder, 'tiny/training.jsonl'));
  });

  test('is inspected, as a tree and as an object', async () => {
    expect(await result('inspect', 'tiny')).toMatchObject({
      family: 'llama',
      layers: 4,
      parameters: outer + 4 * layer,
      bytes: 4 * (outer + 4 * layer),
      axes: { layer: 4, width: 32 },
    });
    expect((await chop('inspect', 'tiny')).stdout).toMatch(/├─ layers 0–3 {2}4 alike/);
  });

  test('is tokenised', async () => {
    const { ids, pieces } = (await result('tokenize', 'tiny', 'The sea')) as { ids: number[]; pieces: string[] };
    expect(pieces.join('').replaceAll('Ġ', ' ')).toBe('The sea');
    expect(ids).toHaveLength(pieces.length);
  });

  test('is planned, cut, and cut the same by prune', async () => {
    expect(await result('plan', 'layer-chop', 'tiny', '--set', 'keep=2', '-o', 'plan.json')).toMatchObject({
      keep: { layer: [0, 3] },
      parametersAfter: outer + 2 * layer,
    });
    expect(await result('apply', 'plan.json', 'tiny', '--out', 'applied')).toMatchObject({ out: 'applied', parameters: outer + 2 * layer });
    expect(await result('prune', 'layer-chop', 'tiny', '--set', 'keep=2', '--out', 'pruned')).toMatchObject({ out: 'pruned', parameters: outer + 2 * layer });
    const weights = (name: string): Promise<Buffer> => readFile(join(folder, name, 'model.safetensors'));
    expect(await weights('applied')).toEqual(await weights('pruned'));
  });

  test('an existing output is refused, and replaced with --force', async () => {
    await result('export', 'tiny', '--format', 'hf', '--dtype', 'bf16', '--out', 'again');
    const before = await readFile(join(folder, 'again/model.safetensors'));
    const { exitCode, stdout } = await chop('export', 'tiny', '--format', 'hf', '--out', 'again', '--json');
    expect(exitCode).toBeGreaterThan(0);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'OUTPUT_EXISTS' } });
    expect(await readFile(join(folder, 'again/model.safetensors'))).toEqual(before);
    expect(await result('export', 'tiny', '--format', 'hf', '--out', 'again', '--force')).toMatchObject({ bytes: 4 * (outer + 4 * layer) });
  });

  test('a method that must train sends the user to train', async () => {
    const { exitCode, stderr } = await chop('prune', 'dim-chop', 'tiny', '--out', 'never');
    expect([exitCode, existsSync(join(folder, 'never'))]).toEqual([2, false]);
    expect(stderr).toContain('chop train tiny --prune dim-chop');
  });

  test('is asked to continue a text, and continues the same with the same seed', async () => {
    const again = (): Promise<unknown> => result('generate', 'tiny', 'The sea', '--max-tokens', '4', '--temperature', '1', '--seed', '3');
    const first = (await again()) as { ids: number[]; text: string };
    expect(first.text.startsWith('The sea')).toBe(true);
    expect(await again()).toMatchObject({ ids: first.ids });
  });

  test('is measured', async () => {
    const measured = (await result('eval', 'tiny', '--perplexity', 'text.txt', '--window', '8', '--windows', '2')) as { perplexity: { value: number } };
    // Nothing learned yet: about as many choices as there are tokens.
    expect(measured.perplexity).toMatchObject({ tokens: 14, windows: 2 });
    expect(measured.perplexity.value).toBeGreaterThan(3000);
    expect(measured.perplexity.value).toBeLessThan(6000);
  });

  test('Ctrl-C in training saves, and --resume goes on', async () => {
    const argv = [
      'train',
      'tiny',
      '--data',
      'text.txt',
      '--steps',
      '40',
      '--batch-size',
      '1',
      '--window',
      '8',
      '--eval-every',
      '8',
      '--valid',
      'text.txt',
      '--out',
      'stopped',
      '--engine',
      'cpu',
    ];
    const child = spawn(process.execPath, [CHOP, ...argv], { cwd: folder, env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    let stopping = false;
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
      if (!stopping && stderr.includes('step 2:')) stopping = child.kill('SIGINT');
    });
    const exitCode = await new Promise((resolve) => child.on('close', resolve));
    expect(exitCode).toBe(130);
    expect(existsSync(join(folder, 'stopped'))).toBe(false);
    const { stderr: again, stdout } = await chop(...argv, '--resume', '--json');
    expect(again).toMatch(/going on after step \d+ of 40/);
    expect(JSON.parse(stdout)).toMatchObject({ out: 'stopped', steps: 40 });
  });
});
