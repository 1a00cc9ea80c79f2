import devkit from '@nx/devkit';
import { addNewcomer, finish } from '../newcomer.mjs';

/** `nx g @chop/generators:method NAME`: the package `libs/strategies/NAME`, and its place in the build. @param {import('@nx/devkit').Tree} tree */
export default async function method(tree, { name }) {
  const folder = `libs/strategies/${name}`;
  await addNewcomer(tree, { name, from: import.meta.url, into: folder, taken: `${folder}/package.json` });
  devkit.updateJson(tree, 'tsconfig.json', (config) => ({ ...config, references: [...config.references, { path: folder }] }));
  return finish(tree, `npm install, then npm test -w @chop/${name}; the method works as it is, ${folder}/src/${name}.ts is where yours begins.`);
}
