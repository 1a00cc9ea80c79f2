import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { FsTree } from 'nx/src/generators/tree.js';
import ts from 'typescript';
import { ROOT } from '../workspace.mjs';
import family from './family/family.mjs';
import kernel from './kernel/kernel.mjs';
import method from './method/method.mjs';

/** What a generator would write: nothing is, the tree stays in memory. */
async function newcomer(generator, name) {
  const tree = new FsTree(ROOT, false);
  await generator(tree, { name });
  return tree.listChanges();
}

/** What TypeScript says of changed files, with the compiler options of this workspace. */
function complaints(changes) {
  const { options } = ts.parseJsonConfigFileContent(ts.readConfigFile(join(ROOT, 'tsconfig.spec.json'), ts.sys.readFile).config, ts.sys, ROOT);
  const texts = new Map(changes.map(({ path, content }) => [join(ROOT, path), content.toString()]));
  const host = ts.createCompilerHost(options);
  const onDisk = { readFile: host.readFile, fileExists: host.fileExists };
  host.readFile = (file) => texts.get(file) ?? onDisk.readFile(file);
  host.fileExists = (file) => texts.has(file) || onDisk.fileExists(file);
  host.directoryExists = () => true;
  const files = [...texts.keys()].filter((file) => file.endsWith('.ts'));
  const program = ts.createProgram(files, options, host);
  return files
    .map((file) => program.getSourceFile(file))
    .flatMap((source) => [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)])
    .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
}

const touched = (changes) => changes.map(({ type, path }) => `${type} ${path}`).sort();

describe.each([
  [
    'method',
    method,
    [
      ...['README.md', 'jest.config.js', 'package.json', 'recipe.yaml', 'src/index.ts', 'src/odd-one.spec.ts', 'src/odd-one.ts', 'tsconfig.json'].map(
        (file) => `CREATE libs/strategies/odd-one/${file}`,
      ),
      'UPDATE tsconfig.json',
    ],
  ],
  ['family', family, ['CREATE libs/models/src/odd-one.spec.ts', 'CREATE libs/models/src/odd-one.ts', 'UPDATE libs/models/src/index.ts']],
  [
    'kernel',
    kernel,
    ['CREATE libs/kernels/src/odd-one.cc', 'CREATE libs/kernels/src/odd-one.spec.ts', 'CREATE libs/kernels/src/odd-one.ts', 'UPDATE libs/kernels/src/index.ts'],
  ],
])('a new %s', (_kind, generator, files) => {
  let changes;
  beforeAll(async () => {
    changes = await newcomer(generator, 'odd-one');
  });

  test('is these files and no others', () => {
    expect(touched(changes)).toEqual(files);
  });

  test('leaves every line of the files that it changes', () => {
    for (const { path, type, content } of changes) {
      if (type !== 'UPDATE') continue;
      const before = ts.sys.readFile(join(ROOT, path)).split('\n');
      const after = new Set(content.toString().split('\n'));
      expect(before.filter((line) => !after.has(line))).toEqual([]);
    }
  });
});

test('all three compile against the contracts as they are', async () => {
  const changes = [await newcomer(method, 'odd-method'), await newcomer(family, 'odd-family'), await newcomer(kernel, 'odd-kernel')].flat();
  expect(complaints(changes)).toEqual([]);
});

test.each(['OddOne', 'odd one', '../odd', 'odd-'])('the name "%s" is refused', async (name) => {
  await expect(newcomer(method, name)).rejects.toThrow(/lower case with dashes/);
});

test('a name that is taken is refused', async () => {
  await expect(newcomer(family, 'llama')).rejects.toThrow(/llama.ts is there already/);
});
