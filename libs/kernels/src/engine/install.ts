import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, InterruptedError, throwIfAborted } from '@chop/core';
import { buildKernels, findAddon } from './build-kernels.js';
import { compileBinding, findCompiler } from './compile.js';
import { fromDisk } from './download.js';
import { obtainWheel } from './fetch-wheel.js';
import { engineKey, engineParts, enginesFolder, findEngine, type EngineManifest } from './installed.js';
import { hasEnded, thisOwner, withLock, type Owner } from './lock.js';
import { type Source, wheelSources } from './sources.js';
import { flush, unpackWheel } from './unpack.js';
import { verifyEngine } from './verify.js';
import { neededBytes, pinnedWheels, TENSORFLOW_VERSION, type Variant, type Wheel } from './wheel.js';

/** How far an install is. `wait`: another process installs; `done` and `total` are bytes. */
export interface InstallProgress {
  readonly phase: 'wait' | 'download' | 'unpack' | 'compile' | 'verify' | 'kernels';
  readonly done?: number;
  readonly total?: number;
}

/** What {@link installEngine} may be told. */
export interface InstallOptions {
  /** Default `cpu`. */
  readonly variant?: Variant;
  /** URL of a simple package index, or a path of the wheel or of a folder that holds it. */
  readonly index?: string;
  /** Make it afresh even if it is there. */
  readonly force?: boolean;
  readonly onProgress?: (progress: InstallProgress) => void;
  readonly signal?: AbortSignal;
  /** Where variables are read; default that of the process. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** What an install came to. */
export interface InstallResult {
  readonly folder: string;
  /** The version of TensorFlow. */
  readonly tensorflow: string;
  readonly variant: Variant;
  readonly seconds: number;
  /** Nothing was to be done, or another process did it. */
  readonly alreadyThere: boolean;
}

/** The parts of an install that need the real wheel and a compiler. */
export interface BuildSteps {
  /** TensorFlow's first. */
  readonly wheels: readonly [Wheel, ...Wheel[]];
  /** Finds the compiler before anything is downloaded; returns its name. */
  readonly prepare: () => string;
  readonly compile: (folder: string) => Promise<void>;
  readonly verify: (folder: string) => Promise<void>;
}

/**
 * Installs native TensorFlow for this user: gets the pinned wheels (of TensorFlow, and for CUDA of NVIDIA), unpacks their libraries and headers, compiles the
 * binding, multiplies two matrices with it, moves the finished folder into place in one step, and builds the native kernels. A second install at
 * the same time waits for the first and takes its result; an interrupted one leaves only the downloaded part, with
 * which the next one goes on.
 *
 * @throws {@link EngineError} `ENGINE_NO_WHEEL`, `ENGINE_NO_COMPILER`, `ENGINE_NO_SOURCE`, `ENGINE_OFFLINE`,
 * `ENGINE_DOWNLOAD`, `ENGINE_HASH`, `ENGINE_WHEEL`, `ENGINE_DISK_FULL`, `ENGINE_CACHE`, `ENGINE_COMPILE`, `ENGINE_VERIFY`
 * @throws {@link InterruptedError} when the signal fires.
 */
export async function installEngine(options: InstallOptions = {}): Promise<InstallResult> {
  const { variant = 'cpu', environment = process.env, signal, onProgress } = options;
  const startedAt = Date.now();
  const result = await installWith(options, {
    wheels: pinnedWheels(variant),
    prepare: () => Object.values(findCompiler(environment)).flat().join(' '),
    compile: (folder) => compileBinding(findCompiler(environment), folder, environment, signal),
    verify: (folder) => verifyEngine(folder, TENSORFLOW_VERSION, environment, signal),
  });
  const engine = { ...engineParts(result.folder), variant };
  if ((await findAddon(engine)) !== undefined) return result;
  onProgress?.({ phase: 'kernels' });
  await buildKernels(findCompiler(environment), engine, environment, signal);
  return { ...result, seconds: (Date.now() - startedAt) / 1000, alreadyThere: false };
}

/** {@link installEngine} with its steps given. */
export async function installWith(options: InstallOptions, steps: BuildSteps): Promise<InstallResult> {
  const { variant = 'cpu', force = false, environment = process.env, signal, onProgress } = options;
  const startedAt = Date.now();
  const engines = enginesFolder(environment);
  const result = (folder: string, alreadyThere: boolean): InstallResult => ({
    ...{ folder, tensorflow: TENSORFLOW_VERSION, variant, alreadyThere },
    seconds: (Date.now() - startedAt) / 1000,
  });
  try {
    const there = await findEngine(environment, [variant]);
    if (there !== undefined && !force) return result(there.folder, true);
    await mkdir(engines, { recursive: true });
    const work = async (): Promise<InstallResult> => {
      const since = await findEngine(environment, [variant]);
      if (since !== undefined && (!force || Date.parse(since.installedAt) >= startedAt)) return result(since.folder, true);
      return result(await build(engines, options, steps), false);
    };
    return await withLock(join(engines, `${engineKey(variant)}.lock`), work, { signal, onWait: () => onProgress?.({ phase: 'wait' }) });
  } catch (error) {
    if (signal?.aborted && !(error instanceof InterruptedError)) throw new InterruptedError({ found: 'the install was interrupted', cause: error });
    throw fromDisk(error, engines, neededBytes(steps.wheels)) ?? error;
  }
}

/** Makes the engine in a folder beside its place, and moves it there when it has proved to work. */
async function build(engines: string, options: InstallOptions, { wheels, prepare, compile, verify }: BuildSteps): Promise<string> {
  const { variant = 'cpu', index, environment = process.env, signal, onProgress } = options;
  const key = engineKey(variant);
  await removeAbandoned(engines, key);
  const compiler = prepare();
  await checkSpace(engines, neededBytes(wheels));
  // All of them before any is fetched: what cannot be had is told at once.
  const sources = new Map<Wheel, readonly Source[]>();
  for (const wheel of wheels) sources.set(wheel, await wheelSources(wheel, index, environment));
  const scratch = join(engines, `${key}.building-${randomUUID()}`);
  const made = join(scratch, 'engine');
  try {
    await mkdir(made, { recursive: true });
    await writeFile(join(scratch, 'owner.json'), JSON.stringify(thisOwner()));
    for (const [wheel, places] of sources) {
      const partial = join(engines, `${wheel.sha256}.part`);
      const onBytes = (done: number, total: number): void => onProgress?.({ phase: 'download', done, total });
      const got = await obtainWheel(wheel, places, { environment, partial, scratch, signal, onBytes });
      await unpackWheel(got.file, made, (done, total) => onProgress?.({ phase: 'unpack', done, total }), signal);
      if (got.ours) await rm(got.file, { force: true });
    }
    onProgress?.({ phase: 'compile' });
    await compile(made);
    onProgress?.({ phase: 'verify' });
    await verify(made);
    throwIfAborted(signal);
    const manifest: EngineManifest = {
      ...{ tensorflow: TENSORFLOW_VERSION, variant, wheel: wheels[0].file, sha256: wheels[0].sha256, compiler },
      installedAt: new Date().toISOString(),
    };
    await moveIntoPlace(made, join(engines, key), join(scratch, 'replaced'), manifest);
    return join(engines, key);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The manifest comes last and is on the disk before the folder has its name: a folder with that name is complete. */
async function moveIntoPlace(made: string, place: string, replaced: string, manifest: EngineManifest): Promise<void> {
  const parts = engineParts(made);
  await writeFile(parts.manifest, `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
  for (const path of [parts.binding, join(made, 'binding'), parts.libraryFolder, made]) await flush(path);
  await rename(place, replaced).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(made, place);
  await flush(join(place, '..'));
}

/** Removes what installs left that were killed. */
async function removeAbandoned(engines: string, key: string): Promise<void> {
  for (const name of await readdir(engines)) {
    if (!name.startsWith(`${key}.building-`)) continue;
    const owner = await readFile(join(engines, name, 'owner.json'), 'utf8').then(
      (text) => JSON.parse(text) as Owner,
      () => undefined,
    );
    if (owner === undefined || hasEnded(owner)) await rm(join(engines, name), { recursive: true, force: true });
  }
}

async function checkSpace(folder: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= needed) return;
  throw new EngineError('ENGINE_DISK_FULL', {
    file: folder,
    found: `${Math.floor(free / 1e6)} MB free`,
    expected: `${Math.ceil(needed / 1e6)} MB`,
    remedy: 'Free some, or let CHOP_HOME name a folder on another disk.',
  });
}
