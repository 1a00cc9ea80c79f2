/** `npm run bench [-- row …]`: compiles, sees to the engine, and runs benchmarks/bench.mjs. */
import { join } from 'node:path';
import { run } from './child.mjs';
import { build, nativeEngine } from './prepare.mjs';
import { ROOT } from './workspace.mjs';

if (await build()) {
  await nativeEngine();
  process.exitCode = await run([join(ROOT, 'benchmarks/bench.mjs'), ...process.argv.slice(2)]);
} else {
  process.exitCode = 1;
}
