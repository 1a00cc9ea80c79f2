import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EngineError } from '@chop/core';
import { commandOnPath, runChild } from './child.js';
import { bindingPackage, engineParts, NAPI_VERSION } from './installed.js';

/** A C++ compiler with the arguments that its user gave with it. */
export interface Compiler {
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * The C++ compiler: `CXX` (a command with arguments), else `g++`, `clang++` or `c++` on `PATH`.
 *
 * @throws {@link EngineError} `ENGINE_NO_COMPILER`
 */
export function findCompiler(environment: NodeJS.ProcessEnv = process.env): Compiler {
  const [asked, ...args] = (environment['CXX'] ?? '').split(/\s+/).filter((word) => word !== '');
  const names = asked === undefined ? ['g++', 'clang++', 'c++'] : [asked];
  const command = commandOnPath(names, environment);
  if (command !== undefined) return { command, args };
  throw new EngineError('ENGINE_NO_COMPILER', {
    found: asked === undefined ? 'no C++ compiler on PATH' : `no compiler ${asked} (the variable CXX names it)`,
    expected: names.join(' or '),
    remedy:
      process.platform === 'darwin'
        ? 'Type `xcode-select --install`, or use --engine wasm (slower).'
        : 'Install one (the package g++ or clang of your system) or name one in CXX, or use --engine wasm (slower).',
  });
}

/** The headers of Node-API. */
export function nodeApiHeaders(): string {
  return join(dirname(createRequire(import.meta.url).resolve('node-api-headers')), 'include');
}

/**
 * Compiles the npm package's own binding against the libraries in an engine's folder. The result finds them
 * relative to itself, so that the folder can be moved.
 *
 * @throws {@link EngineError} `ENGINE_COMPILE` with the end of the compiler's messages.
 */
export async function compileBinding(compiler: Compiler, folder: string, environment: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<void> {
  const { binding, includeFolder, libraryFolder } = engineParts(folder);
  await mkdir(dirname(binding), { recursive: true });
  const sources = ['binding/tfjs_backend.cc', 'binding/tfjs_binding.cc'];
  const args = [
    ...['-std=c++17', '-O2', '-fPIC', '-shared', '-w', `-DNAPI_VERSION=${NAPI_VERSION}`],
    ...[`-I${nodeApiHeaders()}`, '-I.', `-I${includeFolder}`, ...sources, '-o', binding],
    ...linkerArguments(libraryFolder),
  ];
  await runCompiler(compiler, args, { environment, folder: bindingPackage().folder, signal });
}

/**
 * Runs the compiler, its user's own arguments first.
 *
 * @throws {@link EngineError} `ENGINE_COMPILE` with the end of its messages.
 */
export async function runCompiler(
  compiler: Compiler,
  args: readonly string[],
  where: { environment: NodeJS.ProcessEnv; folder?: string; signal?: AbortSignal | undefined },
): Promise<void> {
  const { exitCode, errors } = await runChild(compiler.command, [...compiler.args, ...args], where);
  if (exitCode === 0) return;
  throw new EngineError('ENGINE_COMPILE', {
    found: `${compiler.command} that ends with ${exitCode ?? 'a signal'}: ${errors.trim()}`,
    remedy: 'Try another compiler (CXX=clang++), or use --engine wasm (slower).',
  });
}

function linkerArguments(libraryFolder: string): readonly string[] {
  if (process.platform === 'darwin') {
    const libraries = ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib'];
    return ['-undefined', 'dynamic_lookup', ...libraries.map((name) => join(libraryFolder, name)), '-Wl,-rpath,@loader_path/../lib'];
  }
  return [`-L${libraryFolder}`, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2', '-Wl,-rpath,$ORIGIN/../lib'];
}
