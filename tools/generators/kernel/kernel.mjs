import { addNewcomer, exportFrom, finish } from '../newcomer.mjs';

/** `nx g @chop/generators:kernel NAME`: `libs/kernels/src/NAME.ts`, its test and its line in the index. @param {import('@nx/devkit').Tree} tree */
export default async function kernel(tree, { name }) {
  const file = `libs/kernels/src/${name}.ts`;
  await addNewcomer(tree, { name, from: import.meta.url, into: 'libs/kernels/src', taken: file });
  exportFrom(tree, 'libs/kernels/src/index.ts', name);
  return finish(tree, `npm test -w @chop/kernels -- ${name}; ${file} holds the definition, change it and the oracle of its test to yours.`);
}
