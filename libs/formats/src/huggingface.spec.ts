import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Dtype, DTYPE_BYTES, elementCount, readBytes } from '@chop/core';
import fc from 'fast-check';
import { type FolderContent, MAX_COMPANION_BYTES, openFolder, saveFolder } from './huggingface.js';
import type { TensorSource } from './safetensors.js';

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'chop-folder-'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

function tensor(name: string, shape: readonly number[], dtype: Dtype = 'F32', seed = 0): TensorSource {
  const bytes = Uint8Array.from({ length: elementCount(shape) * DTYPE_BYTES[dtype] }, (_, i) => (seed + 3 * i) & 0xff);
  return {
    name,
    shape,
    dtype,
    async *pieces() {
      if (bytes.length > 0) yield bytes;
    },
  };
}

const text = (value: string) => () => Promise.resolve(new TextEncoder().encode(value));
const content = (over: Partial<FolderContent> = {}): FolderContent => ({
  config: { model_type: 'llama', num_hidden_layers: 2, rms_norm_eps: 1e-5 },
  tensors: [tensor('a', [4, 2]), tensor('b', [3], 'F32', 5), tensor('c', [6], 'F32', 9)],
  companions: new Map([
    ['tokenizer.json', text('{"version": "1.0"}  ')],
    ['chat_template.jinja', text('{{ x }}\n')],
  ]),
  ...over,
});
const out = (): string => join(base, 'model');

test('a folder that was saved is opened as it was, in one file or in shards', async () => {
  const dtype = fc.constantFrom<Dtype>('F32', 'F16', 'BF16', 'I64');
  const tensors = fc.uniqueArray(
    fc.record({
      name: fc.stringMatching(/^[a-z]{1,3}(\.[a-z0-9]{1,3}){0,3}$/),
      shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
      dtype,
      seed: fc.nat(255),
    }),
    { selector: (one) => one.name, minLength: 1, maxLength: 9 },
  );
  await fc.assert(
    fc.asyncProperty(tensors, fc.integer({ min: 1, max: 300 }), async (list, shardBytes) => {
      const companions = new Map([
        ['tokenizer.json', text('{"a": "ü"}')],
        ['generation_config.json', text('{}')],
      ]);
      const sources = list.map(({ name, shape, dtype: type, seed }) => tensor(name, shape, type, seed));
      const saved = await saveFolder(out(), content({ tensors: sources, companions }), { shardBytes, force: true });
      const opened = await openFolder(out());
      expect(saved.parameters).toBe(list.reduce((sum, { shape }) => sum + elementCount(shape), 0));
      expect(new Set(opened.tensors.keys())).toEqual(new Set(list.map(({ name }) => name)));
      for (const one of sources) {
        const bytes: Uint8Array[] = [];
        for await (const piece of one.pieces()) bytes.push(piece);
        expect(opened.tensors.get(one.name)).toEqual({ name: one.name, shape: one.shape, dtype: one.dtype });
        expect(Buffer.from(await readBytes(opened, one.name))).toEqual(Buffer.concat(bytes));
      }
      expect([...opened.companions.keys()]).toEqual(['generation_config.json', 'tokenizer.json']);
      expect(new TextDecoder().decode(await opened.companions.get('tokenizer.json')!())).toBe('{"a": "ü"}');
      expect(opened.config).toMatchObject({ model_type: 'llama', num_hidden_layers: 2, rms_norm_eps: 1e-5 });
      await opened.close();
    }),
    { numRuns: 40 },
  );
});

test('shards are named, filled and indexed as transformers does it', async () => {
  const seen: number[] = [];
  const saved = await saveFolder(out(), content({ card: '# card' }), { shardBytes: 44, onProgress: ({ bytes, totalBytes }) => seen.push(bytes / totalBytes) });
  expect(saved).toMatchObject({ parameters: 17, bytes: 68 });
  expect([...saved.files].sort()).toEqual((await readdir(out())).sort());
  expect(JSON.parse(await readFile(join(out(), 'model.safetensors.index.json'), 'utf8'))).toEqual({
    metadata: { total_size: 68, total_parameters: 17 },
    weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00001-of-00002.safetensors', c: 'model-00002-of-00002.safetensors' },
  });
  expect(await readFile(join(out(), 'model-00002-of-00002.safetensors'), 'utf8')).toContain('"__metadata__":{"format":"pt"}');
  expect(await readFile(join(out(), 'README.md'), 'utf8')).toBe('# card');
  expect(seen.at(-1)).toBe(1);
});

test('the config names the dtype of most weights, in the keys that it has', async () => {
  const tensors = [tensor('norm', [4], 'F32'), tensor('w', [64], 'BF16')];
  const written = async (config: Record<string, unknown>): Promise<unknown> => {
    await saveFolder(out(), content({ config, tensors }), { force: true });
    return JSON.parse(await readFile(join(out(), 'config.json'), 'utf8'));
  };
  expect(await written({ torch_dtype: 'float32', x: 1 })).toEqual({ torch_dtype: 'bfloat16', x: 1 });
  expect(await written({ dtype: 'float32' })).toEqual({ dtype: 'bfloat16' });
  expect(await written({ dtype: 'float32', torch_dtype: 'float32' })).toEqual({ dtype: 'bfloat16', torch_dtype: 'bfloat16' });
  expect(await written({})).toEqual({ torch_dtype: 'bfloat16' });
});

test('companions are small regular files that are neither weights nor config nor card, links included', async () => {
  await saveFolder(out(), content({ companions: new Map(), card: 'x' }));
  for (const name of [
    'vocab.json',
    'LICENSE',
    'merges.txt',
    'tokenizer.model',
    '.hidden',
    'pytorch_model.bin',
    'pytorch_model.bin.index.json',
    'training_args.bin',
    'model.onnx',
  ])
    await writeFile(join(out(), name), name);
  await mkdir(join(out(), 'onnx'));
  await writeFile(join(out(), 'huge.json'), '');
  await truncate(join(out(), 'huge.json'), MAX_COMPANION_BYTES + 1);
  await writeFile(join(base, 'blob'), 'linked');
  await symlink(join(base, 'blob'), join(out(), 'tokenizer.json'));
  await symlink(join(base, 'nowhere'), join(out(), 'broken.json'));
  const opened = await openFolder(out());
  expect([...opened.companions.keys()]).toEqual(['LICENSE', 'merges.txt', 'tokenizer.json', 'tokenizer.model', 'vocab.json']);
  expect(new TextDecoder().decode(await opened.companions.get('tokenizer.json')!())).toBe('linked');
  await opened.close();
});

describe('a folder that is incomplete or contradicts itself is refused', () => {
  const index = (weightMap: unknown): Promise<void> => writeFile(join(out(), 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
  const shard = (i: number): string => `model-0000${i}-of-00003.safetensors`;
  beforeEach(async () => {
    await saveFolder(out(), content(), { shardBytes: 1 });
  });

  test.each<[what: string, harm: () => Promise<unknown>, code: string, says: string]>([
    ['a missing shard', () => unlink(join(out(), shard(2))), 'CHECKPOINT_SHARD_MISSING', 'no model-00002-of-00003.safetensors'],
    [
      'two missing shards',
      () => Promise.all([unlink(join(out(), shard(1))), unlink(join(out(), shard(2)))]),
      'CHECKPOINT_SHARD_MISSING',
      '(and 1 more missing)',
    ],
    ['a truncated shard', async () => truncate(join(out(), shard(3)), (await stat(join(out(), shard(3)))).size - 1), 'CHECKPOINT_TRUNCATED', shard(3)],
    ['a shard outside the folder', () => index({ a: '../model.safetensors' }), 'CHECKPOINT_NAME', '"../model.safetensors"'],
    ['a shard by an absolute path', () => index({ a: '/etc/passwd' }), 'CHECKPOINT_NAME', '/etc/passwd'],
    ['a shard by a path of Windows', () => index({ a: 'C:\\w.safetensors' }), 'CHECKPOINT_NAME', 'C:'],
    ['a shard of another format', () => index({ a: 'pytorch_model.bin' }), 'CHECKPOINT_PICKLE', 'pytorch_model.bin'],
    ['a shard that is no text', () => index({ a: 3 }), 'CHECKPOINT_INDEX', '3 as the shard of a'],
    ['an index without weights', () => index({}), 'CHECKPOINT_INDEX', '0 shards'],
    ['an index without a map', () => index(undefined), 'CHECKPOINT_INDEX', 'no weight_map'],
    ['an index that forgets a weight', () => index({ a: shard(1), b: shard(1), c: shard(3) }), 'CHECKPOINT_INDEX', 'b'],
    ['an index that promises a weight', () => index({ a: shard(1), b: shard(2), c: shard(3), d: shard(3) }), 'CHECKPOINT_INDEX', `no d in ${shard(3)}`],
    ['an index that swaps shards', () => index({ a: shard(2), b: shard(1), c: shard(3) }), 'CHECKPOINT_INDEX', 'as the index says'],
    ['no config', () => unlink(join(out(), 'config.json')), 'CHECKPOINT_MISSING', 'config.json'],
    ['a config that is no object', () => writeFile(join(out(), 'config.json'), '[]'), 'CHECKPOINT_CONFIG', 'no JSON object'],
    ['a config that is broken', () => writeFile(join(out(), 'config.json'), '{"a": '), 'CHECKPOINT_JSON', 'config.json'],
    ['no weights', () => unlink(join(out(), 'model.safetensors.index.json')), 'CHECKPOINT_WEIGHTS_MISSING', 'model-00001-of-00003.safetensors'],
  ])('%s', async (_, harm, code, says) => {
    await harm();
    const error = await openFolder(out()).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code, exitCode: 2, message: expect.stringContaining(says) as unknown });
  });

  test('pickled weights, with what to do about them', async () => {
    await rm(out(), { recursive: true });
    await mkdir(out());
    await writeFile(join(out(), 'config.json'), '{}');
    await writeFile(join(out(), 'pytorch_model.bin'), '');
    await expect(openFolder(out())).rejects.toMatchObject({ code: 'CHECKPOINT_PICKLE', message: expect.stringContaining('save_pretrained') as unknown });
  });

  test('a folder that is not there', async () => {
    await expect(openFolder(join(base, 'none'))).rejects.toMatchObject({ code: 'CHECKPOINT_MISSING' });
  });
});

test('force replaces a model, also the one that is being read, but nothing that holds other things', async () => {
  await saveFolder(out(), content());
  await expect(saveFolder(out(), content())).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  const opened = await openFolder(out());
  const rest = [...opened.tensors.values()].slice(1).map((info) => ({ ...info, pieces: () => opened.stream(info.name) }));
  await saveFolder(out(), content({ config: opened.config, tensors: rest, companions: opened.companions }), { force: true });
  await opened.close();
  const again = await openFolder(out());
  expect([...again.tensors.keys()]).toEqual(['b', 'c']);
  expect(again.companions.size).toBe(2);
  await again.close();

  for (const [name, make] of [
    ['photos', mkdir],
    ['thesis.txt', (path: string) => writeFile(path, '')],
  ] as const) {
    await make(join(out(), name));
    await expect(saveFolder(out(), content(), { force: true })).rejects.toMatchObject({
      code: 'OUTPUT_FOREIGN',
      message: expect.stringContaining(name) as unknown,
    });
    await rm(join(out(), name), { recursive: true });
  }
  await unlink(join(out(), 'config.json'));
  await expect(saveFolder(out(), content(), { force: true })).rejects.toMatchObject({ code: 'OUTPUT_FOREIGN' });
});

test('an interrupted save leaves nothing', async () => {
  const controller = new AbortController();
  const slow: TensorSource = {
    ...tensor('w', [4]),
    async *pieces() {
      yield new Uint8Array(8);
      controller.abort();
      yield new Uint8Array(8);
    },
  };
  await expect(saveFolder(out(), content({ tensors: [slow] }), { signal: controller.signal })).rejects.toMatchObject({ code: 'INTERRUPTED', exitCode: 130 });
  expect(await readdir(base)).toEqual([]);
});

test('names that would leave the folder or take a place in it are not written', async () => {
  for (const name of ['../evil.json', 'config.json', 'model.safetensors', 'a/b.json']) {
    await expect(saveFolder(out(), content({ companions: new Map([[name, text('')]]) }))).rejects.toMatchObject({ code: 'CHECKPOINT_NAME' });
  }
  await expect(saveFolder(out(), content({ tensors: [tensor('a', [1]), tensor('a', [1])] }), { shardBytes: 1 })).rejects.toMatchObject({
    code: 'CHECKPOINT_NAME',
  });
  await expect(saveFolder(out(), content({ tensors: [tensor('../a', [1])] }))).rejects.toMatchObject({ code: 'CHECKPOINT_NAME' });
  expect(await readdir(base)).toEqual([]);
});
