/** `npm run budget`: what must stay small, small. Prints every finding beside its budget and ends with exit code 1 when there is one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { closures } from './budget/closure.mjs';
import { longFiles } from './budget/length.mjs';
import { markers } from './budget/markers.mjs';
import { emptyNames } from './budget/names.mjs';
import { readSources } from './budget/sources.mjs';
import { twins } from './budget/twins.mjs';
import { packageFolders, ROOT } from './workspace.mjs';

const root = process.argv[2] ?? ROOT;
const packages = new Map(packageFolders(root).map((folder) => [JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')).name, folder]));
const sources = readSources(root);
const results = {
  'lines of a file': longFiles(sources),
  'files that a method reaches': closures(sources, packages),
  twins: twins(sources),
  'names that say nothing': emptyNames(sources),
  'marks of unfinished work': markers(sources),
};

let found = 0;
for (const [budget, { findings, nearest }] of Object.entries(results)) {
  console.log(`${findings.length === 0 ? 'ok  ' : 'over'} ${budget}${nearest === undefined ? '' : ` (nearest: ${nearest})`}`);
  for (const finding of findings) console.log(`     ${finding}`);
  found += findings.length;
}
console.log(`${sources.length} sources, ${found} findings`);
process.exitCode = found === 0 ? 0 : 1;
