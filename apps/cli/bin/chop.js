#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(fileURLToPath(main))) {
  const { main: run } = await import(main.href);
  process.exitCode = await run(process.argv);
} else {
  process.stderr.write('chop: not built yet. Run: npm run build\n');
  process.exitCode = 3;
}
