import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Compiler, nodeApiHeaders, runCompiler } from './compile.js';
import type { EngineManifest, EngineParts } from './installed.js';
import { prebuiltAddon } from './prebuilt.js';
import type { Variant } from './wheel.js';

/** The package's sources: the `.cc` of a kernel lies beside its `.ts`. (From `dist` as from `src`.) */
const SOURCES = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'src');

/** The sources that include TensorFlow's headers, and take the longest. */
const RUNTIMES: readonly string[] = [join('native', 'cuda', 'runtime.cc'), join('native', 'runtime.cc')];

/** What goes into the addon of the variant `cuda` only. */
const CUDA_ONLY = /\.cu$|^native[\\/]cuda[\\/]/;

/** Where NVRTC lies in the folder of such an engine: its header, and the library that the addon opens. */
const NVRTC = join('nvidia', 'cuda_nvrtc');

/**
 * How kernels are compiled. `-fno-math-errno -fno-trapping-math` let loops over `sqrt` and comparisons become vectors; infinities and
 * no-numbers keep their meaning. Contraction is on, so that a multiplication and an addition are one instruction where there is one.
 */
const FLAGS = ['-std=c++17', '-O3', '-fPIC', '-w', '-fopenmp-simd', '-fno-math-errno', '-fno-trapping-math', '-ffp-contract=fast', '-fvisibility=hidden'];

/** TensorFlow's own alignment of buffers, which its headers must agree with. */
const RUNTIME_FLAGS = ['-DNAPI_VERSION=8', '-DEIGEN_MAX_ALIGN_BYTES=64'];

/** Addons of so many states of the sources stay beside one another, for checkouts that share an engine. */
const KEPT = 4;

/** The kernels' sources by path, those that are compiled among them, and a hash over all: the name of what is built from them. */
export async function kernelSources(
  variant: Variant = 'cpu',
): Promise<{ readonly files: readonly string[]; readonly units: readonly string[]; readonly hash: string }> {
  const all = (await readdir(SOURCES, { recursive: true })).filter((file) => /\.(cc|cu|h)$/.test(file)).sort();
  const files = variant === 'cuda' ? all : all.filter((file) => !CUDA_ONLY.test(file));
  const hash = createHash('sha256').update([...FLAGS, ...RUNTIME_FLAGS].join(' '));
  for (const file of files) hash.update(`\0${file}\0`).update(await readFile(join(SOURCES, file)));
  return { files, units: files.filter((file) => !file.endsWith('.h')), hash: hash.digest('hex').slice(0, 16) };
}

/** Where the addon of these sources is, or would be, in an engine's folder. */
export function addonFile(engineFolder: string, hash: string): string {
  return join(engineFolder, 'kernels', hash, 'chop_kernels.node');
}

/** The engine that kernels are built for. */
export type KernelsEngine = EngineParts & Pick<EngineManifest, 'variant'>;

/** The addon of these sources: the one that was compiled into an engine's folder, else the one in this platform's prebuilt package (which is for the processor). */
export async function findAddon({ folder, variant }: Pick<KernelsEngine, 'folder' | 'variant'>): Promise<string | undefined> {
  const { hash } = await kernelSources(variant);
  const compiled = addonFile(folder, hash);
  if (existsSync(compiled)) return compiled;
  return variant === 'cpu' ? prebuiltAddon(hash) : undefined;
}

/**
 * Compiles the native kernels against an engine, a source at a time on every processor, and moves the addon into place when it is whole.
 * Does nothing where that was done.
 *
 * @returns whether it was to be built.
 * @throws {@link EngineError} `ENGINE_COMPILE` with the end of the compiler's messages.
 */
export async function buildKernels(compiler: Compiler, engine: KernelsEngine, environment: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<boolean> {
  const { files, units, hash } = await kernelSources(engine.variant);
  const file = addonFile(engine.folder, hash);
  if (existsSync(file)) return false;
  const place = dirname(file);
  const scratch = `${place}.building-${randomUUID()}`;
  await mkdir(scratch, { recursive: true });
  try {
    const compile = (args: readonly string[]): Promise<void> => runCompiler(compiler, args, { environment, signal });
    const object = (unit: string): string => join(scratch, `${unit.replaceAll(/[\\/]/g, '-')}.o`);
    // The slowest first.
    const waiting = [...units].sort((a, b) => RUNTIMES.indexOf(b) - RUNTIMES.indexOf(a));
    const work = async (): Promise<void> => {
      for (let unit = waiting.shift(); unit !== undefined; unit = waiting.shift()) {
        const includes = RUNTIMES.includes(unit) ? [...RUNTIME_FLAGS, `-I${engine.includeFolder}`, `-I${nodeApiHeaders()}`] : [];
        const nvrtc = engine.variant === 'cuda' ? [`-I${join(engine.folder, NVRTC, 'include')}`] : [];
        await compile([...FLAGS, ...includes, ...nvrtc, `-I${SOURCES}`, '-x', 'c++', '-c', join(SOURCES, unit), '-o', object(unit)]);
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, work));
    const built = join(scratch, 'chop_kernels.node');
    const found = engine.variant === 'cuda' ? [`-Wl,-rpath,$ORIGIN/${relative(place, join(engine.folder, NVRTC, 'lib'))}`, '-ldl'] : [];
    await compile(['-shared', ...units.map(object), '-o', built, ...linkerArguments(engine.libraryFolder, relative(place, engine.libraryFolder)), ...found]);
    for (const unit of units) await rm(object(unit));
    if (engine.variant === 'cuda') await copyForGpu(files, join(scratch, 'cuda'));
    await rename(scratch, place).catch(async (error: NodeJS.ErrnoException) => {
      // Another process was as quick: its addon is as good.
      if (!existsSync(file)) throw error;
    });
    await removeOld(dirname(place), hash);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return true;
}

/** What the addon compiles when it first launches a kernel: the sources with the headers that they may include. */
async function copyForGpu(files: readonly string[], folder: string): Promise<void> {
  for (const file of files.filter((name) => /\.(cu|h)$/.test(name))) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await copyFile(join(SOURCES, file), join(folder, file));
  }
}

function linkerArguments(libraryFolder: string, fromAddon: string): readonly string[] {
  if (process.platform === 'darwin') {
    return ['-undefined', 'dynamic_lookup', join(libraryFolder, 'libtensorflow_framework.2.dylib'), `-Wl,-rpath,@loader_path/${fromAddon}`];
  }
  return [`-L${libraryFolder}`, '-l:libtensorflow_framework.so.2', `-Wl,-rpath,$ORIGIN/${fromAddon}`];
}

async function removeOld(folder: string, current: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name !== current && !name.includes('.building-'));
  const dated = await Promise.all(names.map(async (name) => ({ path: join(folder, name), at: (await stat(join(folder, name))).mtimeMs })));
  const old = dated.sort((a, b) => b.at - a.at).slice(KEPT - 1);
  await Promise.all(old.map(({ path }) => rm(path, { recursive: true, force: true })));
}
