/**
 * `npm start [-- arguments of chop run]`: compiles, sees to the engine, and runs the quick start: the embedded model, measured, cut in half, recovered, measured
 * again, saved and reported.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './child.mjs';
import { build, CHOP, nativeEngine, say } from './prepare.mjs';
import { ROOT } from './workspace.mjs';

const RECIPE = 'recipes/quick-start.yaml';
const given = process.argv.slice(2);

if (await build()) {
  await nativeEngine();
  process.exitCode = await run([CHOP, 'run', RECIPE, ...outFolder(), ...given]);
} else {
  say('The sources do not compile (see above): start from a clean checkout, and `npm ci` before.');
  process.exitCode = 1;
}

/** A folder that is free, so that a second start neither stops nor overwrites what the first one made. */
function outFolder() {
  if (given.some((argument) => /^--(out|resume|force|help)\b/.test(argument))) return [];
  const folder = (turn) => (turn === 1 ? 'runs/quick-start' : `runs/quick-start-${turn}`);
  let turn = 1;
  while (existsSync(join(ROOT, folder(turn)))) turn++;
  return ['--out', folder(turn)];
}
