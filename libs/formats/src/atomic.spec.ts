import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { atomicFile, atomicFolder } from './atomic.js';
import { writeSafetensors } from './safetensors.js';

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'chop-atomic-'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

const mayReplace = { objection: () => Promise.resolve(undefined) };
const fill = (text: string) => (temporary: string) => writeFile(join(temporary, 'a.txt'), text);

test('a file is replaced as a whole and nothing stays beside it', async () => {
  const path = join(base, 'deep', 'er', 'state.json');
  await atomicFile(path, 'old');
  await atomicFile(path, Uint8Array.of(110, 101, 119));
  expect(await readFile(path, 'utf8')).toBe('new');
  expect(await readdir(join(base, 'deep', 'er'))).toEqual(['state.json']);
});

test('a folder appears only when it is complete', async () => {
  const path = join(base, 'out');
  await atomicFolder(path, mayReplace, async (temporary) => {
    await fill('x')(temporary);
    expect(await readdir(base)).toEqual([expect.stringMatching(/^\.out\.partial-/)]);
  });
  expect(await readdir(base)).toEqual(['out']);
  expect(await readFile(join(path, 'a.txt'), 'utf8')).toBe('x');
});

test('an existing folder is refused without force, replaced with it, and taken when empty', async () => {
  const path = join(base, 'out');
  await mkdir(path);
  await atomicFolder(path, mayReplace, fill('first'));
  await expect(atomicFolder(path, mayReplace, fill('second'))).rejects.toMatchObject({
    code: 'OUTPUT_EXISTS',
    message: expect.stringContaining('--force') as unknown,
  });
  expect(await readFile(join(path, 'a.txt'), 'utf8')).toBe('first');
  await atomicFolder(path, { ...mayReplace, force: true }, fill('second'));
  expect(await readFile(join(path, 'a.txt'), 'utf8')).toBe('second');
  expect(await readdir(base)).toEqual(['out']);
});

test('a folder that must not be replaced stays, force or not', async () => {
  const path = join(base, 'home');
  await mkdir(path);
  await writeFile(join(path, 'thesis.txt'), 'years');
  const options = { force: true, objection: () => Promise.resolve('a folder of somebody else') };
  await expect(atomicFolder(path, options, fill('x'))).rejects.toMatchObject({
    code: 'OUTPUT_FOREIGN',
    message: expect.stringContaining('somebody else') as unknown,
  });
  expect(await readFile(join(path, 'thesis.txt'), 'utf8')).toBe('years');
});

test('a file where a folder is wanted stays', async () => {
  const path = join(base, 'out');
  await writeFile(path, 'mine');
  await expect(atomicFolder(path, { ...mayReplace, force: true }, fill('x'))).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  expect(await readFile(path, 'utf8')).toBe('mine');
});

test('a link to a folder stays a link; the folder behind it is replaced', async () => {
  await mkdir(join(base, 'behind'));
  await symlink(join(base, 'behind'), join(base, 'link'));
  await atomicFolder(join(base, 'link'), mayReplace, fill('x'));
  expect(await readFile(join(base, 'behind', 'a.txt'), 'utf8')).toBe('x');
  expect((await readdir(base)).sort()).toEqual(['behind', 'link']);
});

test('when building fails, the old folder is as it was and nothing is left, made parents included', async () => {
  const path = join(base, 'new', 'parents', 'out');
  const failing = async (temporary: string): Promise<void> => {
    await fill('half')(temporary);
    throw new Error('the method threw');
  };
  await expect(atomicFolder(path, mayReplace, failing)).rejects.toThrow('the method threw');
  expect(await readdir(base)).toEqual([]);
  await atomicFolder(join(base, 'out'), mayReplace, fill('old'));
  await expect(atomicFolder(join(base, 'out'), { ...mayReplace, force: true }, failing)).rejects.toThrow('the method threw');
  expect(await readdir(base)).toEqual(['out']);
  expect(await readFile(join(base, 'out', 'a.txt'), 'utf8')).toBe('old');
});

test('a full disk is said, and nothing is left behind', async () => {
  const tensor = {
    name: 'w',
    shape: [1 << 18],
    dtype: 'F32' as const,
    pieces: async function* () {
      yield new Uint8Array(1 << 20);
    },
  };
  const write = async (temporary: string): Promise<void> => {
    await fill('half')(temporary);
    await writeSafetensors('/dev/full', [tensor]);
  };
  await expect(atomicFolder(join(base, 'out'), mayReplace, write)).rejects.toMatchObject({
    code: 'OUTPUT_DISK_FULL',
    exitCode: 1,
    facts: { file: join(base, 'out') },
  });
  expect(await readdir(base)).toEqual([]);
});

test('an output that cannot be written is said, for files and folders', async () => {
  const path = join(base, 'locked');
  await mkdir(path);
  await chmod(path, 0o555);
  const asNobody = process.getuid?.() === 0;
  if (asNobody) {
    await chmod(base, 0o755);
    process.seteuid!(65534);
  }
  try {
    await expect(atomicFile(join(path, 'state.json'), 'x')).rejects.toMatchObject({ code: 'OUTPUT_READ_ONLY' });
    await expect(atomicFolder(join(path, 'out'), mayReplace, fill('x'))).rejects.toMatchObject({ code: 'OUTPUT_READ_ONLY' });
  } finally {
    if (asNobody) process.seteuid!(0);
  }
  expect(await readdir(path)).toEqual([]);
});

test('what a killed process left is removed by the next write; what a running one writes is not', async () => {
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  await mkdir(join(base, `.out.partial-${dead}-00ff00`));
  await mkdir(join(base, `.out.partial-${process.pid}-00ff00`));
  await mkdir(join(base, `.other.partial-${dead}-00ff00`));
  await atomicFolder(join(base, 'out'), mayReplace, fill('x'));
  expect((await readdir(base)).sort()).toEqual([`.other.partial-${dead}-00ff00`, `.out.partial-${process.pid}-00ff00`, 'out'].sort());
});

test('what a killed process was writing in a folder is no objection to replacing it; what a running one writes is', async () => {
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const out = join(base, 'out');
  const half = (process: number): Promise<void> => writeFile(join(out, `.plan.json.partial-${process}-00ff00`), 'half');
  const force = { force: true, objection: async (folder: string) => (await readdir(folder)).find((name) => name.startsWith('.')) };
  await atomicFolder(out, mayReplace, fill('old'));
  await half(dead);
  await atomicFolder(out, force, fill('new'));
  expect((await readdir(out)).filter((name) => name.startsWith('.'))).toEqual([]);
  await half(process.pid);
  await expect(atomicFolder(out, force, fill('newer'))).rejects.toMatchObject({
    code: 'OUTPUT_FOREIGN',
    facts: { found: `.plan.json.partial-${process.pid}-00ff00` },
  });
});
