import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import devkit from '@nx/devkit';

const { formatFiles, generateFiles, names } = devkit;
const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/**
 * Writes a newcomer's files from the templates beside its generator, and refuses a name that is taken.
 *
 * @param {import('@nx/devkit').Tree} tree
 * @param {{ name: string, from: string, into: string, taken: string }} newcomer - `from`: URL of the generator, whose templates are in `files`; `taken`: the
 * file that is there when the name is in use.
 */
export async function addNewcomer(tree, { name, from, into, taken }) {
  if (!NAME.test(name)) throw new Error(`"${name}" is no name: use lower case with dashes, like random-ffn.`);
  if (tree.exists(taken)) throw new Error(`${taken} is there already: choose another name, or change that one.`);
  generateFiles(tree, join(dirname(fileURLToPath(from)), 'files'), into, { ...names(name), name, template: '' });
}

/** Adds the line that exports `./NAME.js` to an index. @param {import('@nx/devkit').Tree} tree */
export function exportFrom(tree, index, name) {
  const text = tree.read(index, 'utf8');
  tree.write(index, `${text.trimEnd()}\nexport * from './${name}.js';\n`);
}

/** Formats what was written and says what to do next. @param {import('@nx/devkit').Tree} tree */
export async function finish(tree, next) {
  await formatFiles(tree);
  return () => console.log(`\nNext: ${next}`);
}
