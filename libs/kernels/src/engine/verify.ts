import { EngineError } from '@chop/core';
import { runChild } from './child.js';
import { bindingPackage, engineParts } from './installed.js';

/** Loads the binding at `argv[1]` as the package in `argv[2]` would and prints a product and TensorFlow's version. */
const CHILD = `
const [, binding, folder] = process.argv;
const util = require('node:util');
util.isNullOrUndefined ??= (value) => value === null || value === undefined;
util.isArray ??= Array.isArray;
const fromPackage = require('node:module').createRequire(folder + '/package.json');
fromPackage('@mapbox/node-pre-gyp/lib/pre-binding.js').find = () => binding;
process.on('uncaughtException', ({ message }) => { console.error(message); process.exit(1); });
const tf = fromPackage(folder);
const product = tf.matMul(tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[5, 6], [7, 8]])).arraySync();
console.log(JSON.stringify({ product, version: tf.backend().binding.TF_Version }));
`;

/** [[1, 2], [3, 4]] · [[5, 6], [7, 8]] */
const PRODUCT = '[[19,22],[43,50]]';

/**
 * Loads a freshly made engine in a process of its own and multiplies two small matrices with it.
 *
 * @throws {@link EngineError} `ENGINE_VERIFY` when it does not load, miscounts, or is another version.
 */
export async function verifyEngine(folder: string, version: string, environment: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<void> {
  const args = ['-e', CHILD, engineParts(folder).binding, bindingPackage().folder];
  const quiet = { TF_CPP_MIN_LOG_LEVEL: '3', ...environment };
  const { exitCode, output, errors } = await runChild(process.execPath, args, { environment: quiet, signal });
  const said = output.trim().split('\n').at(-1) ?? '';
  if (exitCode === 0 && said === `{"product":${PRODUCT},"version":"${version}"}`) return;
  throw new EngineError('ENGINE_VERIFY', {
    found:
      exitCode === 0
        ? said
        : `a new engine that does not load: ${lastLines(errors) || `its process ended ${exitCode === null ? 'by a signal' : `with ${exitCode}`}`}`,
    expected: `TensorFlow ${version} and the product ${PRODUCT}`,
    remedy: 'This system may be older than the library needs (glibc 2.17, a processor with AVX): use --engine wasm.',
  });
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-12).join('\n');
}
