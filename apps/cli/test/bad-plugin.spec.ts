import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { chop } from './command.js';
import { emptyProject } from './project.js';
import { toldError } from './refusal.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const { base, model, folder, out, refuse } = emptyProject();

describe('a plugin', () => {
  // Where a package manager puts what the projects of a workspace share, a plugin's peer dependencies with it.
  const installed = join(base, 'node_modules');
  let count = 0;

  beforeAll(async () => {
    await mkdir(installed);
    for (const peer of ['@chop', 'zod']) await symlink(join(ROOT, 'node_modules', peer), join(installed, peer));
  });

  /** Each has a name of its own: a package is looked for and loaded once in a process. */
  async function plugin(source: string): Promise<string> {
    const name = `chop-odd-${++count}`;
    await mkdir(join(installed, name));
    await writeFile(join(installed, name, 'package.json'), JSON.stringify({ name, version: '1.2.3', type: 'module', exports: './index.js' }));
    await writeFile(join(installed, name, 'index.js'), source);
    return name;
  }

  const prune = (strategy: string, name: string): string[] => ['prune', strategy, model, '--plugin', name, '--set', 'keep=2', '--out', out];

  test('that is missing', async () => {
    await refuse(prune('layer-chop', 'chop-absent'), { code: 'PLUGIN_MISSING', says: ['chop-absent', folder, 'npm install chop-absent'] });
  });

  test('that throws while it loads', async () => {
    await refuse(prune('layer-chop', await plugin("throw new TypeError('the plugin is tired');")), {
      code: 'PLUGIN_BROKEN',
      says: ['chop-odd', 'the plugin is tired', 'Tell its author'],
    });
  });

  test('that lacks something it needs', async () => {
    await refuse(prune('layer-chop', await plugin("import 'chop-odd-needs-this';")), { code: 'PLUGIN_BROKEN', says: ['chop-odd', 'chop-odd-needs-this'] });
  });

  test('that has no plugin in it', async () => {
    await refuse(prune('layer-chop', await plugin('export const answer = 42;')), { code: 'PLUGIN_EMPTY', says: ['chop-odd', 'answer', 'pruner()'] });
  });

  test('that was built for another contract', async () => {
    const name = await plugin("export const odd = { kind: 'pruner', pluginName: 'odd', contract: 99, module: {} };");
    await refuse(prune('odd', name), { code: 'PLUGIN_CONTRACT', says: ['chop-odd', 'odd', 'contract 99', 'contract 1', 'Install a version of the plugin'] });
  });

  test('that takes a name which is taken', async () => {
    const name = await plugin(METHOD('layer-chop', ''));
    await refuse(prune('layer-chop', name), { code: 'PLUGIN_TWICE', says: ['two pruners named layer-chop'] });
  });

  test('whose method throws', async () => {
    const name = await plugin(METHOD('odd', "throw new RangeError('too odd');"));
    await refuse(['prune', 'odd', model, '--plugin', name, '--out', out], {
      code: 'METHOD_FAILED',
      says: ['odd that throws: RangeError: too odd', 'Tell its author'],
    });
  });

  test('whose method throws in the middle of training', async () => {
    const name = await plugin(METHOD('odd', "for await (const step of session.steps()) if (step.index === 2) throw new RangeError('too odd');"));
    const text = join(folder, 'text.txt');
    await writeFile(text, 'Layers are dropped. '.repeat(60));
    const { exitCode, stdout } = await chop(
      ['train', model, '--plugin', name, '--prune', 'odd', '--data', text, '--steps', '4', '--batch-size', '2', '--window', '16', '--out', out, '--json'],
      folder,
    );
    expect({ exitCode, ...toldError(stdout) }).toMatchObject({ exitCode: 2, code: 'METHOD_FAILED', message: expect.stringContaining('too odd') });
    expect(await readdir(folder)).not.toContain('out');
  });

  test('whose method asks for what cannot be', async () => {
    const name = await plugin(METHOD('odd', "yield keep('layer', [3, 1]);"));
    await refuse(['prune', 'odd', model, '--plugin', name, '--out', out], { code: 'PLAN_INDICES', says: ['index 1 of layer after 3', 'increasing'] });
  });
});

/** A package with one pruner whose plan has that body. */
const METHOD = (name: string, body: string): string => `
import { keep, pruner } from '@chop/core';
import { z } from 'zod';
export const odd = pruner({ name: '${name}', description: 'Odd.', needs: 'nothing', options: z.strictObject({}), async *plan(session) { ${body} } });
export const unused = keep;
`;
