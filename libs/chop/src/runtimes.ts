import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { EngineError } from '@chop/core';
import { cacheFolder } from '@chop/kernels';

/** A program that runs what chop writes, as npm has it. */
interface Runtime {
  /** The format that it reads. */
  readonly format: 'onnx' | 'gguf';
  readonly package: string;
  /** What `chop engine install --runtime` gets: tried with what is here. */
  readonly version: string;
  /** Packages of binaries that are asked for by name, by `platform-arch`; otherwise npm picks those of its optional dependencies that fit. */
  readonly binaries?: Readonly<Record<string, string>>;
}

/** In the order in which they are looked for: what reads a format most directly comes first. */
export const RUNTIMES = {
  onnxruntime: { format: 'onnx', package: 'onnxruntime-node', version: '1.30.0' },
  'transformers.js': { format: 'onnx', package: '@huggingface/transformers', version: '4.3.2' },
  'llama.cpp': {
    format: 'gguf',
    package: 'node-llama-cpp',
    version: '3.22.1',
    binaries: {
      'linux-x64': '@node-llama-cpp/linux-x64',
      'linux-arm64': '@node-llama-cpp/linux-arm64',
      'darwin-arm64': '@node-llama-cpp/mac-arm64-metal',
      'darwin-x64': '@node-llama-cpp/mac-x64',
      'win32-x64': '@node-llama-cpp/win-x64',
      'win32-arm64': '@node-llama-cpp/win-arm64',
    },
  },
} as const satisfies Readonly<Record<string, Runtime>>;

/** A program that runs what chop writes. */
export type RuntimeName = keyof typeof RUNTIMES;
export const RUNTIME_NAMES = Object.keys(RUNTIMES) as readonly RuntimeName[];

/** A runtime that is there. */
export interface FoundRuntime {
  readonly name: RuntimeName;
  readonly package: string;
  readonly version: string;
  /** The package's folder. */
  readonly folder: string;
  readonly where: 'project' | 'chop' | 'cache';
}

/** Where runtimes are looked for. */
export interface RuntimePlaces {
  /** The user's project; the working folder by default. */
  readonly from?: string | undefined;
  readonly environment?: NodeJS.ProcessEnv | undefined;
}

/** Where `chop engine install --runtime` puts one: it is complete as soon as it is there. */
export function runtimeFolder(name: RuntimeName, environment?: NodeJS.ProcessEnv): string {
  const { package: packageName, version } = RUNTIMES[name];
  return join(cacheFolder(environment), 'runtimes', `${basename(packageName)}@${version}`);
}

/** A runtime of the user's project, else one beside chop, else the one of chop's cache. */
export function findRuntime(name: RuntimeName, { from = process.cwd(), environment }: RuntimePlaces = {}): FoundRuntime | undefined {
  const { package: packageName } = RUNTIMES[name];
  const places = { project: join(from, 'x.js'), chop: import.meta.url, cache: join(runtimeFolder(name, environment), 'x.js') } as const;
  for (const [where, from] of Object.entries(places) as [keyof typeof places, string][]) {
    const folder = packageFolder(packageName, from);
    if (folder === undefined) continue;
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    return { name, package: packageName, version, folder, where };
  }
  return undefined;
}

/** That no runtime is there which was asked for. */
export function runtimeMissing(names: readonly RuntimeName[]): EngineError {
  return new EngineError('RUNTIME_MISSING', {
    found: `no ${names.join(' and no ')} in this project, beside chop or in chop's cache`,
    expected: 'the program that the model is written for, to open it',
    remedy: `Get it by: ${installCommand(names[0]!)}. Or write without a look: --no-verify.`,
  });
}

export const installCommand = (name: RuntimeName): string => `chop engine install --runtime ${name}`;

/** A package's folder as a module at `from` would find it; packages do not always let their package.json be resolved. */
function packageFolder(name: string, from: string): string | undefined {
  const folder = createRequire(from)
    .resolve.paths(name)
    ?.map((modules) => join(modules, name))
    .find((folder) => existsSync(join(folder, 'package.json')));
  return folder && realpathSync(folder);
}
