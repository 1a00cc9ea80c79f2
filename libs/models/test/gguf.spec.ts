import { checkTensors, fromStorage, readBytes, toFloat32 } from '@chop/core';
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

test('a piece of a tensor in another order of rows is that piece of it', async () => {
  const { checkpoint: raw } = stored('gguf/gpt-neox', '');
  const translated = await familyNamed({ architectures: ['GPTNeoXForCausalLM'] }).gguf!.translate(raw);
  const name = 'gpt_neox.layers.1.attention.query_key_value.weight';
  const whole = await readBytes(translated, name);
  for await (const piece of translated.stream(name, 100, 260)) expect(Buffer.compare(piece, whole.subarray(100, 260))).toBe(0);
});

test('a tensor that the architecture does not have, and frequencies for long texts, are refused', async () => {
  const { checkpoint: raw } = stored('gguf/phi3', '');
  const { translate } = familyNamed({ architectures: ['Phi3ForCausalLM'] }).gguf!;
  const beside = (name: string) => ({ ...raw, tensors: new Map([...raw.tensors, [name, { name, shape: [2], dtype: 'F32' as const }]]) });
  await expect(translate(beside('blk.0.attn_sinks.weight'))).rejects.toMatchObject({ code: 'CHECKPOINT_NAME' });
  await expect(translate(beside('rope_factors_long.weight'))).rejects.toMatchObject({ code: 'CONFIG_UNSUPPORTED' });
});
