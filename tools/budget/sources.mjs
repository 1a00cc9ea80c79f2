import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Folders that hold what was made or fetched, not written. */
const MADE = new Set(['node_modules', 'dist', 'coverage', 'runs', 'api', '.git', '.nx']);
const WRITTEN = /\.(ts|tsx|mts|cts|js|mjs|cjs|cc|h)$/;

/**
 * A file that somebody wrote.
 *
 * @typedef {{ path: string, text: string, spec: boolean, lines: number }} Source `path` from the root of the repository, with `/`.
 */

/** Every source file of a repository, in the order of their paths. @returns {Source[]} */
export function readSources(root) {
  return walk(root, '').map((path) => source(path, readFileSync(join(root, path), 'utf8')));
}

/** A source from its text. @returns {Source} */
export function source(path, text) {
  return { path, text, spec: /\.spec\.\w+$/.test(path), lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0) };
}

function walk(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return MADE.has(entry.name) ? [] : walk(root, path);
      return entry.isFile() && WRITTEN.test(entry.name) ? [path] : [];
    });
}
