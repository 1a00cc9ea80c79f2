#!/usr/bin/env node
import { existsSync } from 'node:fs';

const built = new URL('../dist/main.js', import.meta.url);

if (existsSync(built)) {
  const { main } = await import(built.href);
  const exitCode = await main(process.argv);
  // Threads of an engine and kept connections would hold the process back.
  process.stdout.write('', () => process.exit(exitCode));
} else {
  process.stderr.write('chop: NOT_BUILT: the sources were not compiled\nType `npm run build` in the folder of the repository.\n');
  process.exitCode = 1;
}
