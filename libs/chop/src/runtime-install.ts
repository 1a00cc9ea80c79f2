import { spawn } from 'node:child_process';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EngineError, InterruptedError } from '@chop/core';
import { atomicFolder } from '@chop/formats';
import { runtimeFolder, type RuntimeName, RUNTIMES } from './runtimes.js';

/** Of what npm said: the end, where its reason stands. */
const KEPT_CHARACTERS = 2000;

/** How a runtime is installed. */
export interface InstallRuntimeRequest {
  /** Make it afresh even if it is there. */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
  /** Where variables are read; default that of the process. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** A runtime in chop's cache. */
export interface InstalledRuntime {
  readonly runtime: RuntimeName;
  readonly version: string;
  readonly folder: string;
  readonly seconds: number;
  readonly alreadyThere: boolean;
}

/**
 * Puts a runtime into chop's cache, for all projects of this user: npm installs it beside its place, without running anybody's install script; then it
 * is renamed. What npm is configured to (registry, proxy) counts.
 *
 * @throws {@link EngineError} `RUNTIME_PLATFORM` where it has no binaries, `RUNTIME_INSTALL` when npm fails.
 * @throws {@link InterruptedError} when the signal fires; nothing is left.
 */
export async function installRuntime(
  name: RuntimeName,
  { force = false, signal, environment = process.env }: InstallRuntimeRequest = {},
): Promise<InstalledRuntime> {
  const started = performance.now();
  const { version } = RUNTIMES[name];
  const folder = runtimeFolder(name, environment);
  const result = (alreadyThere: boolean): InstalledRuntime => ({
    ...{ runtime: name, version, folder, alreadyThere },
    seconds: (performance.now() - started) / 1000,
  });
  if (!force && (await isThere(folder))) return result(true);
  await mkdir(dirname(folder), { recursive: true });
  await atomicFolder(folder, { force: true, objection: async () => undefined }, async (temporary) => {
    await writeFile(join(temporary, 'package.json'), '{ "private": true }\n');
    await npm(['install', '--prefix', temporary, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...wanted(name)], { environment, signal });
  });
  return result(false);
}

const isThere = (folder: string): Promise<boolean> =>
  access(join(folder, 'node_modules')).then(
    () => true,
    () => false,
  );

/** What npm is told: of a runtime that has a package of binaries for each platform and graphics card, the one for this processor. */
function wanted(name: RuntimeName): string[] {
  const runtime = RUNTIMES[name];
  const itself = `${runtime.package}@${runtime.version}`;
  if (!('binaries' in runtime)) return [itself];
  const platform = `${process.platform}-${process.arch}`;
  const binaries = (runtime.binaries as Readonly<Record<string, string>>)[platform];
  if (binaries === undefined)
    throw new EngineError('RUNTIME_PLATFORM', {
      found: platform,
      expected: `one of ${Object.keys(runtime.binaries).join(', ')}, for which ${name} has binaries`,
      remedy: `Install ${runtime.package} in your project, where chop finds it.`,
    });
  return ['--omit=optional', itself, `${binaries}@${runtime.version}`];
}

/** Runs npm to its end. `ONNXRUNTIME_NODE_INSTALL=skip`: its binaries for processors are in the package, those for CUDA are not asked for. */
function npm(args: readonly string[], { environment, signal }: { environment: NodeJS.ProcessEnv; signal: AbortSignal | undefined }): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (found: string, cause?: unknown): void =>
      reject(
        signal?.aborted
          ? new InterruptedError({ found: 'the install was interrupted' })
          : new EngineError('RUNTIME_INSTALL', {
              found,
              expected: 'npm to install the runtime',
              remedy: 'See that npm and its registry can be reached, or install the package in your project.',
              cause,
            }),
      );
    let said = '';
    const env = { ...environment, ONNXRUNTIME_NODE_INSTALL: 'skip' };
    const child = spawn('npm', args, { env, stdio: ['ignore', 'ignore', 'pipe'], shell: process.platform === 'win32', ...(signal ? { signal } : {}) });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-KEPT_CHARACTERS)));
    child.once('error', (cause) => failed(cause.message, cause));
    child.once('close', (code) => (code === 0 ? resolve() : failed(`npm that ended with ${code}: ${said.trim()}`)));
  });
}
