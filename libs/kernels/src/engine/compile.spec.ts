import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { findCompiler } from './compile.js';

const folder = await mkdtemp(join(tmpdir(), 'chop-compiler-'));
for (const name of ['clang++', 'mycc']) {
  await writeFile(join(folder, name), '');
  await chmod(join(folder, name), 0o755);
}
await writeFile(join(folder, 'g++'), 'not executable');

afterAll(() => rm(folder, { recursive: true }));

test('the first compiler that can be executed is taken, and CXX goes before, with its arguments', () => {
  expect(findCompiler({ PATH: folder })).toEqual({ command: join(folder, 'clang++'), args: [] });
  expect(findCompiler({ PATH: folder, CXX: 'mycc -m64' })).toEqual({ command: join(folder, 'mycc'), args: ['-m64'] });
});

test('no compiler is an error that says what to install', () => {
  expect(() => findCompiler({ PATH: '/nowhere' })).toThrow(expect.objectContaining({ code: 'ENGINE_NO_COMPILER', exitCode: 3 }));
  expect(() => findCompiler({ PATH: folder, CXX: 'absent' })).toThrow(/CXX/);
});
