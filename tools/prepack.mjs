/**
 * `prepack` of every package, in its folder: compiles it and removes from `dist` what no source makes any more, so that nothing is published whose source
 * is gone. What is there and current stays in place meanwhile: other processes may be running it.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './prepare.mjs';

if (!(await build(process.cwd()))) process.exit(1);

const sources = new Set(
  files('src')
    .filter((file) => !/\.spec\.tsx?$/.test(file))
    .map((file) => file.replace(/\.tsx?$/, '')),
);
for (const file of files('dist')) {
  const source = file.replace(/(\.d\.ts|\.js)(\.map)?$/, '');
  if (source !== file && !sources.has(source)) rmSync(join('dist', file));
}

function files(folder) {
  return existsSync(folder) ? readdirSync(folder, { recursive: true }) : [];
}
