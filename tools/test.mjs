/**
 * `npm test [-- arguments of jest]`: compiles, sees to the engine, and runs the tests of every package in one jest process; inside a package's folder (or with
 * `npm test -w PACKAGE`) only its own. Ends with one line of counts.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { run } from './child.mjs';
import { build, nativeEngine, say } from './prepare.mjs';
import { packageFolders, ROOT } from './workspace.mjs';

/** Each worker holds an engine with its own threads and memory; more of them only get into each other's way. */
const MAX_WORKERS = 4;

const require = createRequire(import.meta.url);
const given = process.argv.slice(2);
const here = packageFolders().find((folder) => folder === relative(ROOT, process.cwd()));

const compiled = await build(...(here ? [here] : []));
if (!compiled) say('Not everything compiles (see above); the tests run on the sources all the same.');
const engine = await nativeEngine();

const scratch = mkdtempSync(join(tmpdir(), 'chop-test-'));
const results = join(scratch, 'results.json');
const code = await run([require.resolve('jest/bin/jest'), ...argumentsOfJest()], {
  env: { ...process.env, NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`.trim() },
});
const counts = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : undefined;
rmSync(scratch, { recursive: true });

if (counts) {
  const seconds = Math.round((Date.now() - counts.startTime) / 1000);
  const broken = counts.numRuntimeErrorTestSuites;
  say('');
  say(`Engine: ${engine ? `native TensorFlow ${engine}` : 'wasm (native TensorFlow is not installed: chop engine install)'}`);
  say(`Build: ${compiled ? 'done' : 'failed'}`);
  say(
    `Tests: ${counts.numPassedTests} passed, ${counts.numFailedTests + broken} failed` +
      `${counts.numPendingTests + counts.numTodoTests > 0 ? `, ${counts.numPendingTests + counts.numTodoTests} skipped` : ''}` +
      ` (${counts.numTotalTestSuites} files${broken > 0 ? `, ${broken} of them broken` : ''}, ${seconds} s)`,
  );
}
process.exitCode = code !== 0 ? code : compiled ? 0 : 1;

function argumentsOfJest() {
  const workers = given.some((argument) => /^(-w|-i|--maxWorkers|--runInBand)/.test(argument))
    ? []
    : [`--maxWorkers=${Math.min(MAX_WORKERS, availableParallelism())}`];
  return [...(here ? ['--projects', here] : []), ...workers, ...given, '--json', `--outputFile=${results}`];
}
