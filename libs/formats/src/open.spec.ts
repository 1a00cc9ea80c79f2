import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { saveFolder } from './huggingface.js';
import { openCheckpoint } from './open.js';

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'chop-open-'));
  await saveFolder(join(base, 'model'), {
    config: {},
    companions: new Map(),
    tensors: [
      {
        name: 'w',
        shape: [1],
        dtype: 'F32',
        async *pieces() {
          yield new Uint8Array(4);
        },
      },
    ],
  });
  await writeFile(join(base, 'empty.GGUF'), Buffer.from('GGUF\u0003\0\0\0'.padEnd(24, '\0'), 'latin1'));
  await mkdir(join(base, 'folder'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

test('a folder and a GGUF file are told apart', async () => {
  const folder = await openCheckpoint(join(base, 'model'));
  expect([...folder.tensors.keys()]).toEqual(['w']);
  await folder.close();
  const file = await openCheckpoint(join(base, 'empty.GGUF'));
  expect(file.config).toEqual({ gguf: {} });
  await file.close();
});

test.each<[model: () => string, code: string, says: string]>([
  [() => join(base, 'modle'), 'CHECKPOINT_MISSING', join('model')],
  [() => 'org/nowhere-name', 'CHECKPOINT_MISSING', 'write hf:org/nowhere-name'],
  [() => join(base, 'model', 'model.safetensors'), 'CHECKPOINT_KIND', 'Give its folder'],
  [() => join(base, 'model', 'config.json'), 'CHECKPOINT_KIND', 'a file that is no .gguf'],
  [() => '/dev/null', 'CHECKPOINT_KIND', 'neither a file nor a folder'],
  [() => join(base, 'folder'), 'CHECKPOINT_MISSING', 'config.json'],
  [() => 'hf:', 'HUB_ID', 'org/name'],
])('what is no model is named, with what to do (%#)', async (model, code, says) => {
  await expect(openCheckpoint(model())).rejects.toMatchObject({ code, exitCode: 2, message: expect.stringContaining(says) as unknown });
});

test('a circle of links is told as such', async () => {
  const link = join(base, 'circle');
  await symlink(link, link);
  await expect(openCheckpoint(link)).rejects.toMatchObject({ code: 'CHECKPOINT_READ', message: expect.stringMatching(/ELOOP.*its links/s) as unknown });
});
