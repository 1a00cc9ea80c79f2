/**
 * `node tools/errors.mjs [--write]`: docs/errors.md from the sources. What a code means stands in `tools/errors/meanings.json`; how its messages look is read off the
 * places that throw it. Ends with exit code 1 when the codes of the page, or of the list of meanings, are not those of the sources.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readingErrors } from './errors/read.mjs';
import { render } from './errors/render.mjs';
import { ROOT } from './workspace.mjs';

const PAGE = join(ROOT, 'docs/errors.md');
const meanings = JSON.parse(readFileSync(join(ROOT, 'tools/errors/meanings.json'), 'utf8'));
const errors = readingErrors(ROOT);
const wrong = [
  ...[...errors.keys()].filter((code) => meanings[code] === undefined).map((code) => `${code} has no meaning in tools/errors/meanings.json`),
  ...Object.keys(meanings)
    .filter((code) => !errors.has(code))
    .map((code) => `${code} is in tools/errors/meanings.json, and nothing throws it`),
];
if (process.argv.includes('--write')) writeFileSync(PAGE, await render(errors, meanings));
const page = readFileSync(PAGE, 'utf8');
for (const code of errors.keys()) if (!page.includes(`- \`${code}\``)) wrong.push(`${code} is not in docs/errors.md: node tools/errors.mjs --write`);
for (const [, code] of page.matchAll(/^- `([A-Z0-9_]+)`/gm))
  if (!errors.has(code)) wrong.push(`${code} is in docs/errors.md, and nothing throws it: node tools/errors.mjs --write`);
for (const line of wrong) console.log(line);
console.log(`${errors.size} codes`);
process.exitCode = wrong.length === 0 ? 0 : 1;
