import { type Checkpoint, checkTensors, type Config, fromStorage, type GgufLayout, readBytes, toFloat32 } from '@chop/core';
import { startEngine } from '@chop/kernels';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { FAMILIES, familyNamed, stored } from './stored.js';

beforeAll(async () => void (await startEngine()));

/** What a GGUF file leaves to the architecture, and the reference has otherwise: which layers see a window, and the scale of the scores. */
const UNSAID: Readonly<Record<string, readonly string[]>> = { gemma3: ['layer_types', 'query_pre_attn_scalar'] };

test.each(['gpt2', 'phi3', 'olmo2', 'gemma3', 'gpt-neox'])('a GGUF file of %s is the model that it was made from', async (name) => {
  const { checkpoint, tensors } = stored(name);
  const { checkpoint: raw } = stored(`gguf/${name}`, '');
  const architecture = (raw.config['gguf'] as Record<string, string>)['general.architecture']!;
  const family = FAMILIES.find(({ gguf }) => gguf?.architectures.includes(architecture))!;
  expect(family).toBe(familyNamed(checkpoint.config));
  const translated = await family.gguf!.translate(raw);
  checkTensors(family.blueprint(translated.config), translated);
  const original = fromStorage(family, checkpoint);
  expect(translated.tensors.size).toBe(original.tensors.size);
  for (const key of original.tensors.keys()) {
    const [found, expected] = [toFloat32(await readBytes(translated, key), 'F32'), toFloat32(await readBytes(original, key), 'F32')];
    expect(Math.max(...found.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(name === 'gemma3' ? 3e-7 : Number.MIN_VALUE);
  }
  const unsaid = Object.fromEntries((UNSAID[name] ?? []).map((key) => [key, checkpoint.config[key]]));
  const model = family.model(family.blueprint({ ...translated.config, ...unsaid }));
  await model.load(translated);
  const { shape, bytes } = tensors.get('ids')!;
  const logits = toFloat32(tensors.get('logits')!.bytes, 'F32');
  const found = tf.tidy(() => model.forward(tf.tensor2d(new Int32Array(bytes.buffer), shape as [number, number], 'int32')).dataSync());
  expect(Math.max(...found.map((value, i) => Math.abs(value - logits[i]!)))).toBeLessThan(1e-3);
});

/** What the converter leaves out: what llama.cpp takes for granted, or reads off the vocabulary. */
const SAID_BESIDE = [
  'vocab_size',
  'attention.key_length',
  'attention.value_length',
  'rope.dimension_count',
  'rope.freq_base',
  'rope.freq_base_swa',
  'attention.sliding_window_pattern',
];

test.each(['gpt2', 'phi3', 'olmo2', 'gemma3', 'gpt-neox'])("%s is laid out as llama.cpp's converter does: names, rows, values, keys", async (name) => {
  const { checkpoint } = stored(name);
  const { checkpoint: converted } = stored(`gguf/${name}`, '');
  const family = familyNamed(checkpoint.config);
  // llama.cpp scales Gemma 3's scores by the size of a head, which the reference has otherwise.
  const config = name === 'gemma3' ? { ...checkpoint.config, query_pre_attn_scalar: 8 } : checkpoint.config;
  const { architecture, whole, floats, flags = {}, tensors } = family.gguf!.layout!(family.blueprint(config));
  const original = fromStorage(family, checkpoint);
  expect([...tensors.values()].map((tensor) => tensor.name).sort()).toEqual([...converted.tensors.keys()].sort());
  for (const [own, { name: there, rows, excess = 0 }] of tensors) {
    const { shape } = original.tensors.get(own)!;
    expect(converted.tensors.get(there)!.shape).toEqual(shape);
    const row = shape.length === 1 ? 1 : shape[1]!;
    const [values, expected] = [toFloat32(await readBytes(original, own), 'F32'), toFloat32(await readBytes(converted, there), 'F32')];
    expect(Array.from(expected, (_, i) => Math.fround(values[rows ? rows[Math.floor(i / row)]! * row + (i % row) : i]! + excess))).toEqual([...expected]);
  }
  const told = Object.fromEntries(
    Object.entries({ ...whole, ...floats, ...flags })
      .filter(([key]) => !SAID_BESIDE.includes(key) || `${architecture}.${key}` in (converted.config['gguf'] as object))
      .map(([key, value]) => [`${architecture}.${key}`, value]),
  );
  expect({ 'general.architecture': architecture, ...told }).toEqual(converted.config['gguf']);
});

test('what llama.cpp has no words for is refused, with what it expects', () => {
  const layout = (name: string, config: object) => () => {
    const { checkpoint } = stored(name);
    const family = familyNamed(checkpoint.config);
    return family.gguf!.layout!(family.blueprint({ ...checkpoint.config, ...config }));
  };
  const refused = (says: RegExp) =>
    expect.objectContaining({ code: 'FORMAT_UNSUPPORTED', message: expect.stringMatching(says) as unknown }) as unknown as Error;
  expect(layout('gemma3', {})).toThrow(refused(/query_pre_attn_scalar 6\), expected .* of query_pre_attn_scalar 8/));
  const types = ['full_attention', 'sliding_attention', 'sliding_attention'];
  expect(layout('gemma3', { query_pre_attn_scalar: 8, layer_types: types })).toThrow(refused(/no even order/));
  expect(layout('gpt-neox', { attention_bias: false })).toThrow(refused(/without biases/));
  expect(layout('gpt-neox', { head_dim: 4 })).toThrow(refused(/3 heads of 4 in a width of 24, expected .*: 6 of them/));
  expect(layout('olmo2', { tie_word_embeddings: true })).toThrow(refused(/embedding/));
  expect(layout('phi3', { head_dim: 8 })).toThrow(refused(/4 heads of 8/));
  expect(layout('mistral-sliding', {})).toThrow(refused(/sliding window/));
  expect(layout('qwen3-yarn', {})).toThrow(refused(/beta_fast 4 and beta_slow 1.*expected .*yarn of 32 and 1/));
  expect(layout('llama-yarn-untruncated', { rope_scaling: { rope_type: 'yarn', factor: 4, truncate: false } })).toThrow(refused(/truncate/));
  expect(layout('phi3', { rope_scaling: { rope_type: 'linear', factor: 4 } })).toThrow(refused(/stretched \(linear\), expected .*phi3: none, or longrope/));
});

/** What a file that is laid out so says, as a reader of it finds it. */
function saidBy({ architecture, whole, floats, texts = {}, constants = new Map() }: GgufLayout): Checkpoint {
  const told = Object.entries({ ...whole, ...floats, ...texts }).map(([key, value]) => [`${architecture}.${key}`, value]);
  return {
    ...stored('phi3').checkpoint,
    config: { gguf: { 'general.architecture': architecture, ...Object.fromEntries(told) } },
    tensors: new Map([...constants].map(([name, values]) => [name, { name, shape: [values.length], dtype: 'F32' as const }])),
    async *stream(name) {
      yield new Uint8Array(constants.get(name)!.buffer);
    },
  };
}

test('stretched frequencies go into the words of llama.cpp and back: yarn, and longrope with a part of each head', async () => {
  const there = async (name: string, more: Config = {}): Promise<{ layout: GgufLayout; config: Config }> => {
    const { checkpoint } = stored(name);
    const family = familyNamed(checkpoint.config);
    const layout = family.gguf!.layout!(family.blueprint({ ...checkpoint.config, ...more }));
    return { layout, config: (await family.gguf!.translate(saidBy(layout))).config };
  };
  const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64, attention_factor: 0.75 };
  const qwen = await there('qwen3-yarn', { rope_scaling: yarn });
  // llama.cpp multiplies by 1 + 0.1 ln(factor) of its own.
  expect(qwen.layout.floats['rope.scaling.attn_factor']! * (1 + 0.1 * Math.log(4))).toBeCloseTo(0.75, 12);
  expect(qwen.layout).toMatchObject({ texts: { 'rope.scaling.type': 'yarn' }, whole: { 'rope.scaling.original_context_length': 64 } });
  expect(qwen.config['rope_scaling']).toEqual({ ...yarn, attention_factor: expect.closeTo(0.75, 12) as unknown });
  const { layout, config } = await there('phi3-longrope-long');
  // transformers: sqrt(1 + ln(64 / 8) / ln 8).
  expect(layout.floats['rope.scaling.attn_factor']).toBeCloseTo(Math.SQRT2, 12);
  expect(config).toMatchObject({ rope_scaling: stored('phi3-longrope-long').checkpoint.config['rope_scaling'], original_max_position_embeddings: 8 });
  expect(config['partial_rotary_factor']).toBe(0.75);
});

test('a piece of a tensor in another order of rows is that piece of it', async () => {
  const { checkpoint: raw } = stored('gguf/gpt-neox', '');
  const translated = await familyNamed({ architectures: ['GPTNeoXForCausalLM'] }).gguf!.translate(raw);
  const name = 'gpt_neox.layers.1.attention.query_key_value.weight';
  const whole = await readBytes(translated, name);
  for await (const piece of translated.stream(name, 100, 260)) expect(Buffer.compare(piece, whole.subarray(100, 260))).toBe(0);
});

test('a tensor that the architecture does not have is refused', async () => {
  const { checkpoint: raw } = stored('gguf/phi3', '');
  const { translate } = familyNamed({ architectures: ['Phi3ForCausalLM'] }).gguf!;
  const beside = (name: string) => ({ ...raw, tensors: new Map([...raw.tensors, [name, { name, shape: [2], dtype: 'F32' as const }]]) });
  await expect(translate(beside('blk.0.attn_sinks.weight'))).rejects.toMatchObject({ code: 'CHECKPOINT_NAME' });
});
