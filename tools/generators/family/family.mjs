import { addNewcomer, exportFrom, finish } from '../newcomer.mjs';

/** `nx g @chop/generators:family NAME`: `libs/models/src/NAME.ts`, its test and its line in the index. @param {import('@nx/devkit').Tree} tree */
export default async function family(tree, { name }) {
  const file = `libs/models/src/${name}.ts`;
  await addNewcomer(tree, { name, from: import.meta.url, into: 'libs/models/src', taken: file });
  exportFrom(tree, 'libs/models/src/index.ts', name);
  return finish(tree, `npm test -w @chop/models -- ${name}; ${file} is a whole family, change its table and its forward pass to yours.`);
}
