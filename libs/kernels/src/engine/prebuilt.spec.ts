import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { prebuiltAddon, type PrebuiltFacts, prebuiltPackage } from './prebuilt.js';
import { TENSORFLOW_VERSION } from './wheel.js';

let project: string;
beforeEach(async () => void (project = await mkdtemp(join(tmpdir(), 'chop-prebuilt-'))));
afterEach(() => rm(project, { recursive: true }));

const found = (): string | undefined => prebuiltAddon('0123', join(project, 'index.js'));

async function installed(facts: PrebuiltFacts | undefined): Promise<string> {
  const folder = join(project, 'node_modules', prebuiltPackage());
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: prebuiltPackage(), version: '0.1.0', ...(facts && { chop: facts }) }));
  return join(folder, 'chop_kernels.node');
}

test('kernels that were compiled from these sources for this TensorFlow are taken', async () => {
  const addon = await installed({ hash: '0123', tensorflow: TENSORFLOW_VERSION });
  expect(found()).toBe(addon);
});

test('where no such package is installed there is none', () => expect(found()).toBeUndefined());

test.each<[string, PrebuiltFacts | undefined]>([
  ['of other sources', { hash: '4567', tensorflow: TENSORFLOW_VERSION }],
  ['for another TensorFlow', { hash: '0123', tensorflow: '1.15.0' }],
  ['that say nothing of themselves', undefined],
])('kernels %s are not', async (_, facts) => {
  await installed(facts);
  expect(found()).toBeUndefined();
});
