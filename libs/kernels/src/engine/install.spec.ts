import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { indexOf, pinOf, TINY_WHEEL, withServer, zip } from '../../test/tiny-wheel.js';
import { installEngine, installWith, type BuildSteps, type InstallOptions, type InstallProgress } from './install.js';
import { engineKey, engineParts, findEngine } from './installed.js';

const wheel = pinOf(TINY_WHEEL);
let root: string;
let environment: NodeJS.ProcessEnv;
let wheelFile: string;
let compiled: number;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'chop-install-'));
  environment = { PATH: '/nowhere', CHOP_HOME: join(root, 'cache'), HOME: root, PIP_CONFIG_FILE: '/dev/null' };
  wheelFile = join(root, wheel.file);
  await writeFile(wheelFile, TINY_WHEEL);
  compiled = 0;
});
afterEach(() => rm(root, { recursive: true }));

/** The steps of an install without a compiler. */
function steps(changed: Partial<BuildSteps> = {}): BuildSteps {
  return {
    wheels: [wheel],
    prepare: () => 'none',
    compile: async (folder) => {
      compiled += 1;
      const { binding } = engineParts(folder);
      await mkdir(dirname(binding), { recursive: true });
      await writeFile(binding, `binding ${compiled}`);
    },
    verify: async () => undefined,
    ...changed,
  };
}

function install(options: Partial<InstallOptions> = {}, changed: Partial<BuildSteps> = {}) {
  return installWith({ index: wheelFile, environment, ...options }, steps(changed));
}

async function left(): Promise<string[]> {
  return (await readdir(join(root, 'cache', 'engines'))).sort();
}

test('an install ends with the engine found, its manifest, and nothing else left', async () => {
  const phases = new Set<string>();
  const result = await install({ onProgress: ({ phase }: InstallProgress) => void phases.add(phase) });
  expect(result).toMatchObject({ tensorflow: '2.18.0', variant: 'cpu', alreadyThere: false });
  expect(await findEngine(environment)).toMatchObject({ folder: result.folder, sha256: wheel.sha256, compiler: 'none' });
  expect(await readFile(join(result.folder, 'lib', 'libtensorflow_cc.so.2'), 'utf8')).toBe('library');
  expect(await left()).toEqual([engineKey('cpu')]);
  expect(await readFile(wheelFile)).toEqual(TINY_WHEEL);
  expect([...phases]).toEqual(['unpack', 'compile', 'verify']);
});

test('an engine of several wheels has what each of them holds, and the first gives its name', async () => {
  const bytes = zip({ 'nvidia/cublas/lib/libcublas.so.12': 'product' });
  const second = pinOf(bytes, 'nvidia_cublas-tiny.whl');
  await writeFile(join(root, second.file), bytes);
  const { folder } = await install({}, { wheels: [wheel, second] });
  expect(await readFile(join(folder, 'nvidia', 'cublas', 'lib', 'libcublas.so.12'), 'utf8')).toBe('product');
  expect(await findEngine(environment)).toMatchObject({ folder, wheel: wheel.file });
});

test('what is there is left alone, and made afresh by force', async () => {
  const first = await install();
  expect(await install()).toMatchObject({ folder: first.folder, alreadyThere: true });
  expect(compiled).toBe(1);
  expect(await install({ force: true })).toMatchObject({ alreadyThere: false });
  expect(await readFile(engineParts(first.folder).binding, 'utf8')).toBe('binding 2');
  expect(await left()).toEqual([engineKey('cpu')]);
});

test('of several at once one does the work and the others take it', async () => {
  const waits: string[] = [];
  const results = await Promise.all(Array.from({ length: 4 }, () => install({ onProgress: ({ phase }) => void waits.push(phase) })));
  expect(compiled).toBe(1);
  expect(results.filter(({ alreadyThere }) => !alreadyThere)).toHaveLength(1);
  expect(waits).toContain('wait');
});

test('over HTTP the wheel comes from the configured index and is not kept', async () => {
  await withServer(indexOf(wheel, TINY_WHEEL), async (origin) => {
    const phases: string[] = [];
    const options = { environment: { ...environment, PIP_INDEX_URL: `${origin}/simple` }, onProgress: ({ phase }: InstallProgress) => void phases.push(phase) };
    expect(await installWith(options, steps())).toMatchObject({ alreadyThere: false });
    expect(phases[0]).toBe('download');
    expect(await left()).toEqual([engineKey('cpu')]);
  });
});

test.each([
  ['compiling', { compile: () => Promise.reject(new Error('stop')) }],
  ['verifying', { verify: () => Promise.reject(new Error('stop')) }],
])('a failure while %s leaves nothing, and the old engine stays', async (_, broken) => {
  await expect(install({}, broken)).rejects.toThrow('stop');
  expect(await left()).toEqual([]);
  const { folder } = await install();
  await expect(install({ force: true }, broken)).rejects.toThrow('stop');
  expect((await findEngine(environment))?.folder).toBe(folder);
});

test('an interruption leaves nothing half made', async () => {
  const stop = new AbortController();
  const running = install({ signal: stop.signal, onProgress: ({ phase }) => phase === 'verify' && stop.abort() });
  await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED', exitCode: 130 });
  expect(await left()).toEqual([]);
});

test('what a killed install left is removed by the next one; that of a living one is not', async () => {
  const ended = spawnSync(process.execPath, ['-e', '']).pid;
  for (const [name, pid] of [
    ['dead', ended],
    ['living', process.pid],
  ] as const) {
    const folder = join(root, 'cache', 'engines', `${engineKey('cpu')}.building-${name}`);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'owner.json'), JSON.stringify({ host: hostname(), pid }));
  }
  await install();
  expect(await left()).toEqual([engineKey('cpu'), `${engineKey('cpu')}.building-living`]);
});

test('a wheel with other bytes is refused and nothing is left', async () => {
  await writeFile(wheelFile, Buffer.concat([TINY_WHEEL, Buffer.from('!')]));
  await expect(install()).rejects.toMatchObject({ code: 'ENGINE_HASH' });
  expect(await left()).toEqual([]);
});

test('too little free space is told before anything is fetched', async () => {
  await expect(install({}, { wheels: [{ ...wheel, diskBytes: 1e18 }] })).rejects.toMatchObject({
    code: 'ENGINE_DISK_FULL',
    facts: { remedy: expect.stringContaining('CHOP_HOME') },
  });
  expect(await left()).toEqual([]);
});

test('a disk that fills up while compiling is told as such', async () => {
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
  await expect(install({}, { compile: () => Promise.reject(full) })).rejects.toMatchObject({ code: 'ENGINE_DISK_FULL' });
});

test('no compiler is told before anything is fetched', async () => {
  await expect(installEngine({ index: wheelFile, environment })).rejects.toMatchObject({ code: 'ENGINE_NO_COMPILER' });
});

test('an index that cannot be reached is told when nothing else helps', async () => {
  await expect(install({ index: 'http://127.0.0.1:9/simple' })).rejects.toMatchObject({ code: 'ENGINE_OFFLINE', exitCode: 3 });
});

test('a cache folder that cannot be is told with the variable that names another', async () => {
  const unusable = { ...environment, CHOP_HOME: join(wheelFile, 'cache') };
  await expect(install({ environment: unusable })).rejects.toMatchObject({ code: 'ENGINE_CACHE', facts: { remedy: expect.stringContaining('CHOP_HOME') } });
});
