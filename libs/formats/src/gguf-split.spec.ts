import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBytes, toFloat32 } from '@chop/core';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openGguf } from './gguf.js';
import { type GgufTyped, writeGguf } from './gguf-write.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-gguf-split-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const named = (number: number, of = 3): string => join(folder, `model-${String(number).padStart(5, '0')}-of-${String(of).padStart(5, '0')}.gguf`);

/** Part `at` (from 0) as llama-gguf-split makes it: the metadata in the first one, `split.…` in all. */
async function part(at: number, names: readonly string[], more: Record<string, GgufTyped> = {}): Promise<void> {
  const metadata = new Map<string, GgufTyped>([
    ...(at === 0 ? [['general.architecture', { text: 'llama' }] as const] : []),
    ['split.no', { u32: at }],
    ['split.count', { u32: 3 }],
    ['split.tensors.count', { u32: 4 }],
    ...Object.entries(more),
  ]);
  const tensors = names.map((name, i) => {
    const bytes = new Uint8Array(Float32Array.of(at, i).buffer);
    return { name, shape: [2], type: 'F32' as const, pieces: () => piecesOf(bytes) };
  });
  await writeGguf(named(at + 1), { metadata, tensors });
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function parts(): Promise<void> {
  await part(0, []);
  await part(1, ['a', 'b']);
  await part(2, ['c', 'd']);
}

test('a model that was split is opened by its first part, each tensor read from its own', async () => {
  await parts();
  const checkpoint = await openGguf(named(1));
  expect(checkpoint.metadata.get('general.architecture')).toBe('llama');
  expect([...checkpoint.tensors.keys()]).toEqual(['a', 'b', 'c', 'd']);
  for (const [name, values] of Object.entries({ a: [1, 0], b: [1, 1], c: [2, 0], d: [2, 1] }))
    expect([...toFloat32(await readBytes(checkpoint, name), 'F32')]).toEqual(values);
  await checkpoint.close();
});

test('another part, another name, a part that is missing, and parts that do not belong together are refused', async () => {
  await parts();
  const refused = (file: string, code: string, says: RegExp): Promise<void> =>
    expect(openGguf(file)).rejects.toMatchObject({ code, exitCode: 2, message: expect.stringMatching(says) as unknown });
  await refused(named(2), 'CHECKPOINT_SPLIT', /part 2 of 3.*Give .*model-00001-of-00003\.gguf/);
  await part(2, ['c']);
  await refused(named(1), 'CHECKPOINT_SPLIT', /3 tensors in all parts, expected 4/);
  await part(2, ['b', 'd']);
  await refused(named(1), 'CHECKPOINT_SPLIT', /00003-of-00003\.gguf: found b, which another part has/);
  await part(2, ['c', 'd'], { 'split.count': { u32: 4 } });
  await refused(named(1), 'CHECKPOINT_SPLIT', /found part 3 of 4, expected part 3 of 3/);
  await rm(named(3));
  await refused(named(1), 'CHECKPOINT_SHARD_MISSING', /no model-00003-of-00003\.gguf/);
  await rename(named(1), join(folder, 'first.gguf'));
  await refused(join(folder, 'first.gguf'), 'CHECKPOINT_SPLIT', /under another name.*-00001-of-00003\.gguf/);
});
