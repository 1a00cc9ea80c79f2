import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PLUGIN = join(ROOT, 'examples/plugin-random');
/** What the compiler made of a source that has been deleted since. */
const LEFT_BEHIND = join(ROOT, 'apps/cli/dist/left-behind.js');
/** Packing takes seconds; an install into an empty project is as fast as the disk and npm's cache. */
const INSTALL_MILLISECONDS = 300_000;

interface Packed {
  readonly name: string;
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

let project: string;
let packed: Packed[];

/** What a shell of the user has: nothing of the npm run that these tests are part of. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => name !== 'NODE_OPTIONS' && !/^npm_(package|lifecycle|command|config_(local_prefix|workspace))/i.test(name)),
);

async function npm(cwd: string, command: 'npm' | 'npx', ...argv: string[]): Promise<string> {
  // On Windows npm is a batch file, which only a shell can start.
  const options = { cwd, env: environment, shell: process.platform === 'win32', maxBuffer: 2 ** 26 };
  try {
    return (await promisify(execFile)(command, argv, options)).stdout;
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    throw Object.assign(new Error(`${command} ${argv.join(' ')}\n${stdout}\n${stderr}`), { code, stdout });
  }
}

async function chop<R>(...argv: string[]): Promise<R> {
  return JSON.parse(await npm(project, 'npx', '--no', 'chop', ...argv, '--json')) as R;
}

/** What a command says that does not do what it was told. */
async function refusal(...argv: string[]): Promise<object> {
  const { code, stdout } = await chop(...argv).then(
    () => Promise.reject(new Error(`chop ${argv.join(' ')} was not refused`)),
    (error: { code: number; stdout: string }) => error,
  );
  return { exitCode: code, ...(JSON.parse(stdout) as object) };
}

async function json<R>(file: string): Promise<R> {
  return JSON.parse(await readFile(file, 'utf8')) as R;
}

/** One tensor of a safetensors file, read by the format's definition: the header's length (8 bytes), the header, the bytes. */
async function tensorBytes(folder: string, name: string): Promise<Buffer> {
  const file = await readFile(join(folder, 'model.safetensors'));
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, start)) as Record<string, { data_offsets: [number, number] }>;
  const [from, to] = header[name]!.data_offsets;
  return file.subarray(start + from, start + to);
}

beforeAll(async () => {
  if (!existsSync(join(ROOT, 'apps/cli/dist/main.js'))) await npm(ROOT, 'npx', '--no', 'tsc', '-b');
  project = await mkdtemp(join(tmpdir(), 'chop-outside-'));
  const tarballs = join(project, 'tarballs');
  await mkdir(tarballs);
  const workspaces = JSON.parse(await npm(ROOT, 'npm', 'query', '.workspace')) as { location: string; private?: boolean }[];
  const folders = workspaces.filter((workspace) => workspace.private !== true).map(({ location }) => join(ROOT, location));
  await writeFile(LEFT_BEHIND, 'export {};');
  packed = JSON.parse(
    await npm(ROOT, 'npm', 'pack', ...folders, PLUGIN, '--pack-destination', tarballs, '--json', '--ignore-scripts=false', '--foreground-scripts=false'),
  ) as Packed[];
  await writeFile(join(project, 'package.json'), JSON.stringify({ private: true }));
  await npm(
    project,
    'npm',
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    ...packed.map(({ filename }) => join(tarballs, filename)),
  );
}, INSTALL_MILLISECONDS);

afterAll(() => rm(project, { recursive: true, force: true }));

describe('what is published', () => {
  test('is what runs and its sources: no tests, no notes of the compiler', () => {
    const strangers = packed.flatMap(({ name, files }) =>
      files.filter(({ path }) => /\.spec\.|(^|\/)test\/|\.test\.|tsbuildinfo|jest\.config/.test(path)).map(({ path }) => `${name}: ${path}`),
    );
    expect(strangers).toEqual([]);
  });

  test('holds nothing of sources that are gone', () => {
    const compiled = packed.filter(({ name }) => name.startsWith('@chop/'));
    const orphans = compiled.flatMap(({ name, files }) => {
      const paths = new Set(files.map(({ path }) => path));
      const made = [...paths].filter((path) => /^dist\/.*\.js$/.test(path));
      expect(made).toContain('dist/index.js');
      return made.filter((path) => !['ts', 'tsx'].some((kind) => paths.has(path.replace(/^dist\/(.*)js$/, `src/$1${kind}`)))).map((path) => `${name}: ${path}`);
    });
    expect({ orphans, leftBehind: existsSync(LEFT_BEHIND) }).toEqual({ orphans: [], leftBehind: false });
  });

  test('contains every file that its package.json points at', async () => {
    for (const { name, files } of packed) {
      const { exports, bin = {} } = await json<{ exports: string | Record<string, Record<string, string>>; bin?: Record<string, string> }>(
        join(project, 'node_modules', name, 'package.json'),
      );
      const targets = typeof exports === 'string' ? [exports] : Object.values(exports).flatMap((conditions) => Object.values(conditions));
      const present = files.map(({ path }) => `./${path}`);
      expect({ name, absent: [...targets, ...Object.values(bin)].filter((target) => !present.includes(target)) }).toEqual({ name, absent: [] });
    }
  });

  test('brings the embedded model and its text along', () => {
    const files = packed.find(({ name }) => name === '@chop/chop')!.files.map(({ path }) => path);
    expect(files).toEqual(
      expect.arrayContaining(
        ['config.json', 'model.safetensors', 'tokenizer.json', 'text/train.jsonl.gz', 'text/valid.jsonl.gz'].map((file) => `embedded/${file}`),
      ),
    );
  });
});

describe('a plugin of a third party, in a project of its own', () => {
  test('is listed with its package and the schema of its options', async () => {
    const { plugins } = await chop<{ plugins: { name: string }[] }>('plugins', '--plugin', 'chop-plugin-random');
    expect(plugins.find(({ name }) => name === 'random-ffn')).toMatchObject({
      kind: 'pruner',
      package: 'chop-plugin-random',
      version: '1.0.0',
      options: { properties: { share: { type: 'number', default: 0.5 } }, additionalProperties: false },
    });
  });

  test('prunes: half of the FFN channels of every layer are gone, and as many parameters as arithmetic says', async () => {
    const config = await json<Record<string, number>>(join(project, 'node_modules/@chop/chop/embedded/config.json'));
    const [layers, width, ffn] = [config['num_hidden_layers']!, config['hidden_size']!, config['intermediate_size']!];
    const before = await chop<{ parameters: number }>('inspect', 'embedded');
    const written = await chop<{ parameters: number }>(
      'prune',
      'random-ffn',
      'embedded',
      '--plugin',
      'chop-plugin-random',
      '--set',
      'share=0.5',
      '--out',
      'smaller',
    );
    const after = await chop<{ parameters: number; axes: Record<string, number> }>('inspect', 'smaller');
    for (let layer = 0; layer < layers; layer++) expect(after.axes[`layers.${layer}.ffn`]).toBe(ffn / 2);
    // A channel is a row of gate_proj, a row of up_proj and a column of down_proj.
    expect(before.parameters - after.parameters).toBe(layers * (ffn / 2) * 3 * width);
    expect(written.parameters).toBe(after.parameters);
    expect(await json(join(project, 'smaller/config.json'))).toMatchObject({ intermediate_size: ffn / 2, hidden_size: width, num_hidden_layers: layers });
  });

  test('runs in a recipe that names its package, with the default share, and does the same as the command', async () => {
    await writeFile(
      join(project, 'recipe.yaml'),
      [
        'name: outside',
        'model: embedded',
        'plugins: [chop-plugin-random]',
        'steps:',
        '  - prune: { random-ffn: {} }',
        '  - evaluate: { perplexity: "embedded:valid", window: 64, windows: 2 }',
        '',
      ].join('\n'),
    );
    const { model, steps } = await chop<{ model: string; steps: { kind: string; evaluation?: { perplexity: { value: number; windows: number } } }[] }>(
      'run',
      'recipe.yaml',
    );
    expect(steps.map(({ kind }) => kind)).toEqual(['prune', 'evaluate']);
    expect(steps[1]!.evaluation!.perplexity.windows).toBe(2);
    expect(steps[1]!.evaluation!.perplexity.value).toBeGreaterThan(1);
    expect(Number.isFinite(steps[1]!.evaluation!.perplexity.value)).toBe(true);

    const [fromRecipe, fromCommand] = [join(project, model), join(project, 'smaller')];
    expect((await readFile(join(fromRecipe, 'model.safetensors'))).equals(await readFile(join(fromCommand, 'model.safetensors')))).toBe(true);

    const gate = 'model.layers.3.mlp.gate_proj.weight';
    const { keep } = await json<{ keep: Record<string, number[]> }>(join(fromRecipe, 'plan.json'));
    const source = await tensorBytes(join(project, 'node_modules/@chop/chop/embedded'), gate);
    const kept = keep['layers.3.ffn']!;
    const cut = await tensorBytes(fromRecipe, gate);
    const rowBytes = cut.length / kept.length;
    expect(kept).not.toEqual(keep['layers.4.ffn']);
    expect(Buffer.concat(kept.map((row) => source.subarray(row * rowBytes, (row + 1) * rowBytes))).equals(cut)).toBe(true);
  });

  test('is not known without being named', async () => {
    expect(await refusal('prune', 'random-ffn', 'embedded', '--out', 'refused')).toMatchObject({
      exitCode: 2,
      error: { code: 'METHOD_UNKNOWN', remedy: expect.stringContaining('--plugin') },
    });
    expect(existsSync(join(project, 'refused'))).toBe(false);
  });

  test('has its misspelt option refused with the nearest one', async () => {
    const misspelt = await refusal('prune', 'random-ffn', 'embedded', '--plugin', 'chop-plugin-random', '--set', 'shar=0.5', '--out', 'refused');
    expect(misspelt).toMatchObject({ exitCode: 2, error: { code: 'OPTION_UNKNOWN', remedy: expect.stringContaining('share') } });
    expect(existsSync(join(project, 'refused'))).toBe(false);
  });

  test('shares the one copy of core that chop uses', async () => {
    const copies = (await npm(project, 'npm', 'ls', '@chop/core', '--all', '--parseable')).trim().split(/\s*\n/);
    expect(new Set(copies).size).toBe(1);
  });
});
