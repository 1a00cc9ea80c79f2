import { copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from '@jest/globals';
import { gguf, type GgufParts, ggufKey, u32, u64 } from './gguf-bytes.js';
import { emptyProject } from './project.js';
import type { Expected } from './refusal.js';
import { TINY, writeTinyModel } from './tiny-model.js';

const { model: good, folder, out, refuse: refuseCommand } = emptyProject();

type Entry = { dtype: string; shape: number[]; data_offsets: [number, number] };
type Header = Record<string, Entry>;

/** The tiny model with other bytes as its weights. */
async function withWeights(change: (file: Buffer) => Buffer): Promise<string> {
  const model = join(folder, 'model');
  await mkdir(model);
  await copyFile(join(good, 'config.json'), join(model, 'config.json'));
  await writeFile(join(model, 'model.safetensors'), change(await readFile(join(good, 'model.safetensors'))));
  return model;
}

function withHeader(change: (header: Header) => unknown): Promise<string> {
  return withWeights((file) => {
    const end = 8 + Number(file.readBigUInt64LE(0));
    const header = JSON.parse(file.toString('utf8', 8, end)) as Header;
    const text = Buffer.from(JSON.stringify(change(header) ?? header));
    return Buffer.concat([u64(text.length), text, file.subarray(end)]);
  });
}

async function withConfig(change: Readonly<Record<string, unknown>> | string): Promise<string> {
  const model = join(folder, 'model');
  await mkdir(model);
  await symlink(join(good, 'model.safetensors'), join(model, 'model.safetensors'));
  await writeFile(join(model, 'config.json'), typeof change === 'string' ? change : JSON.stringify({ ...TINY, ...change }));
  return model;
}

/** Cuts the model as a user would, which must be refused and leave nothing behind. */
async function refuse(model: string, expected: Expected): Promise<void> {
  await refuseCommand(['prune', 'layer-chop', model, '--set', 'keep=2', '--out', out], expected);
}

const EMBED = 'model.embed_tokens.weight';
const NORM = 'model.norm.weight';

describe('safetensors whose header lies or breaks off', () => {
  test.each<[string, (file: Buffer) => Buffer, Expected]>([
    [
      'data cut short',
      (file) => file.subarray(0, -100),
      { code: 'CHECKPOINT_TRUNCATED', says: ['model.safetensors: ', / bytes \(tensor .* ends there\)/, 'Download the file again'] },
    ],
    [
      'cut inside its header',
      (file) => file.subarray(0, 200),
      { code: 'CHECKPOINT_TRUNCATED', says: ['found 200 bytes', 'the header ends there', 'Download the file again'] },
    ],
    ['no bytes', () => Buffer.alloc(0), { code: 'CHECKPOINT_TRUNCATED', says: ['found 0 bytes', 'Download the file again'] }],
    [
      'a header of 2^60 bytes',
      (file) => Buffer.concat([u64(2n ** 60n), file.subarray(8)]),
      { code: 'CHECKPOINT_HEADER', says: ['a header of 1152921504606846976 bytes', 'at most 100000000'] },
    ],
    [
      'a header that is no JSON',
      (file) => Buffer.concat([file.subarray(0, 8), Buffer.from('{"a": nonsense'), file.subarray(22)]),
      { code: 'CHECKPOINT_JSON', says: ['model.safetensors'] },
    ],
    [
      'a web page instead of a model',
      () => Buffer.from('<!doctype html><html><body>Not found</body></html>'),
      { code: 'CHECKPOINT_HEADER', says: ['no safetensors file'] },
    ],
  ])('%s', async (_, change, expected) => refuse(await withWeights(change), expected));

  test.each<[string, (header: Header) => unknown, Expected]>([
    [
      'offsets past the end',
      (header) => void header[EMBED]!.data_offsets.fill(9e9),
      { code: 'CHECKPOINT_SHAPE', says: [EMBED, '0 bytes', 'download the file again'] },
    ],
    [
      'a tensor beyond the end',
      (header) => {
        const { __metadata__: _, ...tensors } = header;
        const last = Object.values(tensors).sort((a, b) => b.data_offsets[1] - a.data_offsets[1])[0]!;
        last.shape[0]! *= 2;
        last.data_offsets[1] += last.data_offsets[1] - last.data_offsets[0];
      },
      { code: 'CHECKPOINT_TRUNCATED', says: ['ends there', 'its header lies'] },
    ],
    [
      'two tensors over the same bytes',
      (header) => void (header['copy'] = { ...header[EMBED]! }),
      { code: 'CHECKPOINT_OVERLAP', says: ['starting at byte', 'Two tensors share bytes'] },
    ],
    ['bytes of no tensor', (header) => void delete header[NORM], { code: 'CHECKPOINT_HOLE', says: ['64 bytes', 'belong to no tensor'] }],
    ['a count of 10^30 elements', (header) => void (header[EMBED]!.shape = [1e15, 1e15]), { code: 'CHECKPOINT_SHAPE', says: [EMBED, 'corrupt'] }],
    ['a negative size', (header) => void (header[EMBED]!.shape[0] = -4096), { code: 'CHECKPOINT_HEADER', says: ['[-4096,16]', 'whole numbers'] }],
    ['a dtype that nobody knows', (header) => void (header[EMBED]!.dtype = 'F13'), { code: 'CHECKPOINT_DTYPE', says: [EMBED, '"F13"', 'BF16', 'Convert'] }],
    [
      'a name that climbs out of the folder',
      ({ [NORM]: norm, ...rest }) => ({ ...rest, '../../../etc/passwd': norm }),
      { code: 'CHECKPOINT_NAME', says: ['"../../../etc/passwd"', 'Do not use this file'] },
    ],
    [
      'a name that moves the cursor',
      ({ [NORM]: norm, ...rest }) => ({ ...rest, '\u001b[2J': norm }),
      { code: 'CHECKPOINT_NAME', says: ['"\\u001b[2J"', 'control characters'] },
    ],
  ])('%s', async (_, change, expected) => refuse(await withHeader(change), expected));
});

describe('a config that disagrees with the tensors', () => {
  test.each<[string, Readonly<Record<string, unknown>> | string, Expected]>([
    [
      'another width',
      { hidden_size: 32 },
      { code: 'CHECKPOINT_CONFIG_MISMATCH', says: [`${EMBED} of shape [4096, 16]`, '[4096, 32] (vocab × width)', 'different models'] },
    ],
    [
      'more layers than there are',
      { num_hidden_layers: 6 },
      { code: 'CHECKPOINT_CONFIG_MISMATCH', says: ['no tensor model.layers.4.input_layernorm.weight', 'different models'] },
    ],
    ['fewer layers than there are', { num_hidden_layers: 2 }, { code: 'CHECKPOINT_CONFIG_MISMATCH', says: ['tensor model.layers.2.', 'num_hidden_layers'] }],
    ['a head that is missing', { tie_word_embeddings: false }, { code: 'CHECKPOINT_CONFIG_MISMATCH', says: ['no tensor lm_head.weight'] }],
    ['no layers', { num_hidden_layers: 0 }, { code: 'CONFIG_INVALID', says: ['config.json', 'num_hidden_layers = 0'] }],
    ['ten million layers', { num_hidden_layers: 10_000_000 }, { code: 'CONFIG_INVALID', says: ['num_hidden_layers = 10000000'] }],
    ['no width', { hidden_size: undefined }, { code: 'CONFIG_INVALID', says: ['hidden_size'] }],
    ['heads that do not go into each other', { num_attention_heads: 5 }, { code: 'CONFIG_INVALID', says: ['5 query heads and 2 key-value heads'] }],
    ['no JSON', '{ "architectures": [', { code: 'CHECKPOINT_JSON', says: ['config.json'] }],
    ['no object', '[1, 2]', { code: 'CHECKPOINT_CONFIG', says: ['config.json', 'a JSON object'] }],
    [
      'an architecture that no family has',
      { architectures: ['MambaForCausalLM'] },
      { code: 'ARCHITECTURE_UNKNOWN', says: ['MambaForCausalLM', 'LlamaForCausalLM', 'Qwen3ForCausalLM', 'A plugin can add a family'] },
    ],
    ['no architecture', { architectures: undefined }, { code: 'ARCHITECTURE_UNKNOWN', says: ['a config without "architectures"', 'LlamaForCausalLM'] }],
  ])('%s', async (_, change, expected) => refuse(await withConfig(change), expected));
});

describe('shards', () => {
  async function sharded(change: (index: { weight_map: Record<string, string> }) => void): Promise<string> {
    const model = await writeTinyModel(join(folder, 'model'), TINY, { shardBytes: 100_000 });
    const file = join(model, 'model.safetensors.index.json');
    const index = JSON.parse(await readFile(file, 'utf8')) as { weight_map: Record<string, string> };
    change(index);
    await writeFile(file, JSON.stringify(index));
    return model;
  }

  test('one that is missing', async () => {
    const model = await sharded(() => {});
    await rm(join(model, 'model-00002-of-00002.safetensors'));
    await refuse(model, { code: 'CHECKPOINT_SHARD_MISSING', says: ['no model-00002-of-00002.safetensors', 'the 2 files', 'Download the missing files'] });
  });

  test.each(['../good/model.safetensors', '/etc/passwd', 'a/b.safetensors', 'c:model.safetensors', '..'])('one named %s', async (name) => {
    const model = await sharded((index) => void (index.weight_map[NORM] = name));
    await refuse(model, { code: 'CHECKPOINT_NAME', says: [JSON.stringify(name), 'plain name of a file', 'Do not use this model'] });
  });

  test('one that runs code when it is read', async () => {
    const model = await sharded((index) => void (index.weight_map[NORM] = 'pytorch_model.bin'));
    await refuse(model, { code: 'CHECKPOINT_PICKLE', says: ['pytorch_model.bin', 'safetensors', 'run code'] });
  });

  test('a tensor that the index puts into the wrong one', async () => {
    const model = await sharded((index) => void (index.weight_map[NORM] = index.weight_map[EMBED]!));
    await refuse(model, { code: 'CHECKPOINT_INDEX', says: [NORM, 'as the index says', 'download them again'] });
  });
});

describe('GGUF files whose header lies or breaks off', () => {
  const architecture = ggufKey('general.architecture', 8, Buffer.concat([u64(5), Buffer.from('llama')]));
  const weight = { name: 'output_norm.weight', sizes: [8], type: 0, offset: 0 };
  const whole: GgufParts = { keys: [architecture], tensors: [weight], data: Buffer.alloc(32) };

  test.each<[string, Buffer, Expected]>([
    ['no GGUF', Buffer.from('<html>404</html>'), { code: 'CHECKPOINT_HEADER', says: ['It is no GGUF file'] }],
    ['no bytes', Buffer.alloc(0), { code: 'CHECKPOINT_TRUNCATED', says: ['found 0 bytes', 'Download the file again'] }],
    ['cut inside its header', gguf(whole).subarray(0, 60), { code: 'CHECKPOINT_TRUNCATED', says: ['found 60 bytes', 'Download the file again'] }],
    ['data cut short', gguf(whole).subarray(0, -8), { code: 'CHECKPOINT_TRUNCATED', says: ['output_norm.weight ends there', 'Download the file again'] }],
    [
      'a version from the future',
      gguf({ ...whole, version: 9 }),
      { code: 'CHECKPOINT_HEADER', says: ['version 9', 'version 2 or 3', 'Convert the model anew'] },
    ],
    ['2^62 tensors', gguf({ ...whole, tensorCount: 2n ** 62n }), { code: 'CHECKPOINT_HEADER', says: ['4611686018427387904', 'corrupt'] }],
    ['a billion tensors', gguf({ ...whole, tensorCount: 1_000_000_000 }), { code: 'CHECKPOINT_HEADER', says: ['1000000000 tensors', 'at most'] }],
    ['a billion keys', gguf({ ...whole, keyCount: 1_000_000_000 }), { code: 'CHECKPOINT_HEADER', says: ['1000000000 keys', 'at most'] }],
    [
      'a text longer than the file',
      gguf({ ...whole, keys: [Buffer.concat([u64(60_000), Buffer.from('x')])] }),
      { code: 'CHECKPOINT_TRUNCATED', says: ['the header goes on there'] },
    ],
    [
      'a list longer than the file',
      gguf({ ...whole, keys: [ggufKey('x', 9, Buffer.concat([u32(0), u64(5_000_000)]))] }),
      { code: 'CHECKPOINT_TRUNCATED', says: ['the header goes on there'] },
    ],
    [
      'an offset past the end',
      gguf({ ...whole, tensors: [{ ...weight, offset: 2 ** 40 }] }),
      { code: 'CHECKPOINT_TRUNCATED', says: ['output_norm.weight ends there', 'its header lies'] },
    ],
    [
      'two tensors over the same bytes',
      gguf({ ...whole, tensors: [weight, { ...weight, name: 'other' }] }),
      { code: 'CHECKPOINT_OVERLAP', says: ['starting at byte', 'share bytes'] },
    ],
    ['a size of 10^18', gguf({ ...whole, tensors: [{ ...weight, sizes: [1e9, 1e9] }] }), { code: 'CHECKPOINT_SHAPE', says: ['output_norm.weight', 'corrupt'] }],
    [
      'a type that is not read',
      gguf({ ...whole, tensors: [{ ...weight, type: 16 }] }),
      { code: 'CHECKPOINT_DTYPE', says: ['IQ2_XXS', 'Q8_0', 'Use a file of the same model'] },
    ],
    [
      'a name that climbs out of the folder',
      gguf({ ...whole, tensors: [{ ...weight, name: '../x' }] }),
      { code: 'CHECKPOINT_NAME', says: ['"../x"', 'Do not use this file'] },
    ],
    [
      'an architecture that no family has',
      gguf({ ...whole, keys: [ggufKey('general.architecture', 8, Buffer.concat([u64(4), Buffer.from('bert')]))] }),
      { code: 'ARCHITECTURE_UNKNOWN', says: ['GGUF architecture bert', 'llama'] },
    ],
    ['no sizes of the model', gguf(whole), { code: 'CONFIG_INVALID', says: ['llama.'] }],
  ])('%s', async (_, bytes, expected) => {
    const file = join(folder, 'model.gguf');
    await writeFile(file, bytes);
    await refuse(file, expected);
  });
});

describe('what is no model', () => {
  test('nothing of that name, with the nearest one', async () => {
    await mkdir(join(folder, 'smollm-135m'));
    await refuse(join(folder, 'smolm-135m'), { code: 'CHECKPOINT_MISSING', says: ['nothing there', 'smollm-135m'] });
  });

  test('a folder without a config', async () => {
    await mkdir(join(folder, 'empty'));
    await refuse(join(folder, 'empty'), { code: 'CHECKPOINT_MISSING', says: ['config.json', 'no such file'] });
  });

  test('a folder without weights', async () => {
    await mkdir(join(folder, 'bare'));
    await copyFile(join(good, 'config.json'), join(folder, 'bare', 'config.json'));
    await refuse(join(folder, 'bare'), { code: 'CHECKPOINT_WEIGHTS_MISSING', says: ['no weights', 'model.safetensors', 'Download'] });
  });

  test('a file of weights instead of its folder', async () => {
    await refuse(join(good, 'model.safetensors'), { code: 'CHECKPOINT_KIND', says: ['Give its folder', good] });
  });
});
