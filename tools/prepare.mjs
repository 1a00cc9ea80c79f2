import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { run } from './child.mjs';
import { ROOT } from './workspace.mjs';

const require = createRequire(import.meta.url);

/** The command line of this repository, once it is built. */
export const CHOP = join(ROOT, 'apps/cli/bin/chop.js');

/**
 * Compiles what is older than its sources.
 *
 * @param {string[]} folders - these packages and those that they build on; none = all of them.
 * @returns {Promise<boolean>} whether all of it compiled.
 */
export async function build(...folders) {
  if (!existsSync(join(ROOT, 'libs/core/dist'))) say('Compiling (the first time takes about half a minute) …');
  return (await run([require.resolve('typescript/bin/tsc'), '-b', ...folders])) === 0;
}

/**
 * Sees to it that the native engine is there, installing it where it is missing. Whatever goes wrong there is said, and costs speed only: all of chop runs on
 * the engine `wasm` too.
 *
 * @returns {Promise<string | undefined>} the version of native TensorFlow, or undefined where chop runs on `wasm`.
 */
export async function nativeEngine() {
  if (!(await build('libs/kernels'))) return undefined;
  const { findAddon, findEngine } = await import('@chop/kernels');
  const there = await findEngine();
  if (there && (await findAddon(there))) return there.tensorflow;
  say(
    there
      ? 'The native kernels of these sources are not built yet: compiling them …'
      : 'Native TensorFlow is not installed for this user yet: installing it (about 230 MB, once) …',
  );
  if ((await build('apps/cli')) && (await run([CHOP, 'engine', 'install'])) === 0) return (await findEngine())?.tensorflow;
  say(
    there
      ? 'The native kernels could not be built (see above): going on without them, which is slower.'
      : 'Native TensorFlow could not be installed (see above): going on with the engine wasm, which is slower.',
  );
  return there?.tensorflow;
}

/** A line for the person who waits; standard output belongs to the command that runs. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}
