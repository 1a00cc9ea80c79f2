import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyToCheckpoint, Plan, readBytes, toFloat32 } from '@chop/core';
import { randomCheckpoint } from '@chop/core/testing';
import { openGguf } from '@chop/formats';
import { startEngine } from '@chop/kernels';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { type Chop, compose, type GgufDtype, OpenModel } from '../src/index.js';

let chop: Chop;
let folder: string;
let source: OpenModel;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-gguf-'));
  await startEngine();
  chop = await compose();
  source = await chop.open('embedded');
});
afterAll(async () => {
  await source.close();
  await rm(folder, { recursive: true });
});

const TEXT = 'In 1984 the river ran through the town, and 3 of its bridges stood.';

async function written(dtype?: GgufDtype, model: OpenModel = source): Promise<string> {
  const out = join(folder, `${dtype ?? 'as-stored'}-${(await readdir(folder)).length}.gguf`);
  await chop.save(model, out, { format: 'gguf', ...(dtype ? { dtype } : {}) });
  return out;
}

async function logits(model: string | OpenModel): Promise<Float32Array> {
  const opened = typeof model === 'string' ? await chop.open(model) : model;
  const ids = (await opened.tokenizer()).encode(TEXT);
  const live = await opened.load();
  const values = tf.tidy(() => live.forward(tf.tensor2d([...ids], [1, ids.length], 'int32')).dataSync()) as Float32Array;
  live.drop();
  if (typeof model === 'string') await opened.close();
  return values;
}

const worst = (a: Float32Array, b: Float32Array): number => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

test.each(['f32', 'f16', undefined] as const)('as %s the model comes back to the last bit, and its tokenizer cuts alike', async (dtype) => {
  const out = await written(dtype);
  expect(await logits(out)).toEqual(await logits(source)); // the embedded model is stored in float16
  const again = await chop.open(out);
  const [first, second] = await Promise.all([source.tokenizer(), again.tokenizer()]);
  for (const text of [TEXT, 'naïve 東京 🙂\n\n  of\x00 ½', '<|im_start|>user\nof<|im_end|>']) expect(second.encode(text)).toEqual(first.encode(text));
  const turns = [{ role: 'user' as const, content: 'of' }];
  expect(second.chat(turns, { addGenerationPrompt: true })).toBe(first.chat(turns, { addGenerationPrompt: true }));
  await again.close();
});

test('a model that layers were dropped from is written as it is now, through its plan', async () => {
  const cut = await chop.apply(source, await chop.plan(source, chop.method('layer-chop', { keep: 4 })));
  const opened = await chop.open(await written('f32', cut));
  expect(opened.blueprint.axes.layers).toBe(4);
  expect(await logits(opened)).toEqual(await logits(cut));
  await opened.close();
});

test.each([
  ['bf16', 0.2],
  ['q8_0', 0.3],
  ['q4_k_m', 1],
  ['q4_0', 2],
] as const)('as %s it is close', async (dtype, tolerance) => {
  expect(worst(await logits(await written(dtype)), await logits(source))).toBeLessThan(tolerance);
});

test('vectors stay float32, matrices get the type, and rows that are no whole number of blocks its stand-in', async () => {
  const types = async (dtype: GgufDtype): Promise<Record<string, string>> => {
    const file = await openGguf(await written(dtype));
    const entries = [...file.tensors.values()].map(({ name, dtype: stored }) => [name, stored] as const);
    await file.close();
    return Object.fromEntries(entries);
  };
  const stored = await types('f16');
  expect(stored['output_norm.weight']).toBe('F32');
  expect(stored['blk.0.ffn_down.weight']).toBe('F16');
});

test('rows of q and k are interleaved as llama.cpp pairs them: row 2i is half 0, row 2i + 1 half 1', async () => {
  const file = await openGguf(await written('f32'));
  const name = 'model.layers.2.self_attn.k_proj.weight';
  const { shape, dtype } = source.checkpoint.tensors.get(name)!;
  const [rows, width] = shape as [number, number];
  const inner = source.blueprint.axes.common('inner')!;
  const own = toFloat32(await readBytes(source.checkpoint, name), dtype);
  const there = toFloat32(await readBytes(file, 'blk.2.attn_k.weight'), 'F32');
  for (let head = 0; head < rows / inner; head++)
    for (let i = 0; i < inner / 2; i++)
      for (const half of [0, 1]) {
        const [from, to] = [head * inner + half * (inner / 2) + i, head * inner + 2 * i + half];
        expect(there.subarray(to * width, (to + 1) * width)).toEqual(own.subarray(from * width, (from + 1) * width));
      }
  await file.close();
});

describe('a model whose layers differ', () => {
  const first = (count: number): Int32Array => Int32Array.from({ length: count }, (_, at) => at);
  const uneven = ({ checkpoint, family, blueprint }: OpenModel): OpenModel => {
    const keeps = new Map([
      [blueprint.axes.key('ffn', 1), first(64)],
      [blueprint.axes.key('kv', 0), first(1)],
    ]);
    const plan = Plan.of(blueprint, { keeps });
    return new OpenModel({ checkpoint: applyToCheckpoint(checkpoint, plan), family, blueprint: plan.after });
  };

  test("is written as llama.cpp's form of Llama with lists of sizes, and read back to the bit", async () => {
    const model = uneven(source);
    const out = await written('f32', model);
    const raw = await openGguf(out);
    const { layers } = model.blueprint.axes;
    expect(raw.config['gguf']).toMatchObject({
      'general.architecture': 'deci',
      'deci.feed_forward_length': Array.from({ length: layers }, (_, at) => (at === 1 ? 64 : 512)),
      'deci.attention.head_count': Array.from({ length: layers }, (_, at) => (at === 0 ? 3 : 6)),
      'deci.attention.head_count_kv': Array.from({ length: layers }, (_, at) => (at === 0 ? 1 : 2)),
    });
    await raw.close();
    const read = await chop.open(out);
    expect(read.blueprint.axes.equals(model.blueprint.axes)).toBe(true);
    await read.close();
    expect(await logits(out)).toEqual(await logits(model));
  });

  test('in a form that has no such layers in llama.cpp is refused with what to do', async () => {
    const config = { ...source.blueprint.config, architectures: ['Qwen3ForCausalLM'], model_type: 'qwen3' };
    const { family } = source;
    const qwen = new OpenModel({
      checkpoint: { ...randomCheckpoint(family, config), companions: source.checkpoint.companions },
      family,
      blueprint: family.blueprint(config),
    });
    await expect(written('f32', uneven(qwen))).rejects.toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      message: expect.stringMatching(/different ffn \(64, 512\).*the same ffn in every layer.*--for llama\.cpp/s) as unknown,
    });
  });
});

test('what cannot be written is refused before anything is, and nothing is left', async () => {
  const before = await readdir(folder);
  const save = (out: string, options: object): Promise<unknown> => chop.save(source, out, { format: 'gguf', ...options });
  await expect(save(join(folder, 'model'), {})).rejects.toMatchObject({ code: 'OUTPUT_NAME', message: expect.stringContaining('.gguf') as unknown });
  await expect(save(folder, {})).rejects.toMatchObject({ code: 'OUTPUT_NAME' });
  await expect(chop.save(source, join(folder, 'x'), { format: 'hf', dtype: 'q4_0' })).rejects.toMatchObject({ code: 'DTYPE_UNKNOWN' });
  expect(await readdir(folder)).toEqual(before);
  const there = join(folder, 'there.gguf');
  await writeFile(there, 'mine');
  await expect(save(there, {})).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  await save(there, { force: true });
  expect((await logits(there)).length).toBeGreaterThan(0);
});
