import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applyToCheckpoint, familyOf, Plan } from '@chop/core';
import { randomCheckpoint } from '@chop/core/testing';
import { startEngine } from '@chop/kernels';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { type Chop, compose, OpenModel, type OnnxDtype } from '../src/index.js';
import { runtimeFolder } from '../src/runtimes.js';

let chop: Chop;
/** ONNX Runtime as npm has it: its own binaries are in the package. */
let packages: string;
let folder: string;
let source: OpenModel;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-onnx-'));
  await startEngine();
  chop = await compose();
  await chop.installRuntime('onnxruntime');
  packages = runtimeFolder('onnxruntime');
  source = await chop.open('embedded');
}, 300_000);
afterAll(async () => {
  await source.close();
  await rm(folder, { recursive: true });
});

/** Pieces of a text: a prompt, single tokens, more at once. */
const PIECES = [[5, 9, 14, 3, 3, 17], [8], [1], [20, 11, 2], [7]];

async function inRuntime(model: OpenModel, dtype: OnnxDtype): Promise<number[]> {
  const out = join(folder, `${dtype}-${(await readdir(folder)).length}`);
  const { files } = await chop.save(model, out, { format: 'onnx', dtype, verify: 'none' });
  const file = files.find((name) => name.endsWith('.onnx'))!;
  const script = join(dirname(fileURLToPath(import.meta.url)), 'run-onnx.mjs');
  const printed = execFileSync(process.execPath, [script, packages, join(out, file), JSON.stringify(PIECES)], { maxBuffer: 1 << 28, encoding: 'utf8' });
  return (JSON.parse(printed) as number[][]).flat();
}

/** All at once, without a cache. */
async function ownLogits(model: OpenModel): Promise<number[]> {
  const live = await model.load();
  const ids = PIECES.flat();
  const values = tf.tidy(() => Array.from(live.forward(tf.tensor2d(ids, [1, ids.length], 'int32')).dataSync()));
  live.drop();
  return values;
}

const worst = (a: readonly number[], b: readonly number[]): number => {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
};

test.each([
  ['f32', 2e-3],
  ['f16', 2e-2],
  ['q8', 0.2],
  ['q4', 4],
  ['q4f16', 4],
] as const)('as %s ONNX Runtime gives our logits, piece by piece through its cache', async (dtype, tolerance) => {
  const difference = worst(await inRuntime(source, dtype), await ownLogits(source));
  expect(difference).toBeLessThan(tolerance);
  if (dtype !== 'f32') expect(difference).toBeGreaterThan(1e-4); // it is another precision
});

test('a model whose layers are of different widths is written as it is', async () => {
  const indices = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i);
  const { blueprint } = source;
  const keeps = new Map([
    [blueprint.axes.key('ffn', 0), indices(64)],
    [blueprint.axes.key('ffn', 2), indices(96)],
    [blueprint.axes.key('kv', 1), indices(1)],
  ]);
  const plan = Plan.of(blueprint, { keeps });
  const cut = new OpenModel({ checkpoint: applyToCheckpoint(source.checkpoint, plan), family: source.family, blueprint: plan.after });
  expect(cut.blueprint.axes.common('ffn')).toBeUndefined();
  expect(worst(await inRuntime(cut, 'f32'), await ownLogits(cut))).toBeLessThan(2e-3);
});

const grouped = {
  vocab_size: 23,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  tie_word_embeddings: true,
  max_position_embeddings: 96,
};

const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 24 };
const pairs = Array.from({ length: 8 }, (_, pair) => pair);
const longrope = { type: 'longrope', short_factor: pairs.map((pair) => 1 + pair / 4), long_factor: pairs.map((pair) => 2 + pair * pair) };

describe('other families', () => {
  test.each<[string, { readonly architectures: readonly string[] }]>([
    [
      'llama with biases, untied',
      { ...grouped, architectures: ['LlamaForCausalLM'], tie_word_embeddings: false, attention_bias: true, mlp_bias: true } as never,
    ],
    ['qwen3', { ...grouped, architectures: ['Qwen3ForCausalLM'] }],
    ['mistral, sliding', { ...grouped, architectures: ['MistralForCausalLM'], sliding_window: 4 } as never],
    ['gpt2', { architectures: ['GPT2LMHeadModel'], vocab_size: 23, n_embd: 64, n_layer: 2, n_head: 4, n_positions: 96 } as never],
    ['phi3, partly rotary', { ...grouped, architectures: ['Phi3ForCausalLM'], partial_rotary_factor: 0.5 } as never],
    ['qwen3, yarn', { ...grouped, architectures: ['Qwen3ForCausalLM'], rope_scaling: yarn } as never],
    // All pieces of the text are short, or all from the first one on are long.
    ['phi3, longrope, short', { ...grouped, architectures: ['Phi3ForCausalLM'], rope_scaling: longrope, original_max_position_embeddings: 12 } as never],
    ['phi3, longrope, long', { ...grouped, architectures: ['Phi3ForCausalLM'], rope_scaling: longrope, original_max_position_embeddings: 5 } as never],
    ['olmo2', { ...grouped, architectures: ['Olmo2ForCausalLM'] }],
    ['gemma3', { ...grouped, architectures: ['Gemma3ForCausalLM'], sliding_window: 4, sliding_window_pattern: 2 } as never],
    ['gpt-neox', { ...grouped, architectures: ['GPTNeoXForCausalLM'], rotary_pct: 0.5 } as never],
    ['palm-like', { ...grouped, architectures: ['PalmLikeForCausalLM'] }],
  ])('%s', async (_, config) => {
    const family = familyOf(chop.parts, config, 'random');
    const checkpoint = randomCheckpoint(family, config, 3);
    const model = new OpenModel({ checkpoint, family, blueprint: family.blueprint(config) });
    expect(worst(await inRuntime(model, 'f32'), await ownLogits(model))).toBeLessThan(2e-3);
  });
});

test('the folder is what transformers.js looks for: config, tokenizer, onnx/model.onnx', async () => {
  const out = join(folder, 'for-js');
  await chop.save(source, out, { format: 'onnx' });
  expect((await readdir(out)).sort()).toEqual(
    expect.arrayContaining(['README.md', 'chop.json', 'config.json', 'onnx', 'tokenizer.json', 'tokenizer_config.json']),
  );
  expect(await readdir(join(out, 'onnx'))).toEqual(['model.onnx']);
  expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))).toMatchObject({
    model_type: 'llama',
    'transformers.js_config': { kv_cache_dtype: { fp16: 'float16' } },
  });
  expect(await readFile(join(out, 'tokenizer.json'))).toEqual(Buffer.from(await source.checkpoint.companions.get('tokenizer.json')!()));
  await expect(chop.save(source, out, { format: 'onnx' })).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  await expect(chop.save(source, join(folder, 'x'), { format: 'onnx', dtype: 'q4_k_m' })).rejects.toMatchObject({ code: 'DTYPE_UNKNOWN' });
  await chop.save(source, out, { format: 'onnx', force: true });
});

test('a folder with anything of others in it is not replaced, even by force', async () => {
  const out = join(folder, 'mixed');
  await chop.save(source, out, { format: 'onnx' });
  writeFileSync(join(out, 'model.safetensors'), 'mine');
  const again = chop.save(source, out, { format: 'onnx', force: true });
  await expect(again).rejects.toMatchObject({ code: 'OUTPUT_FOREIGN', message: expect.stringContaining('model.safetensors') as unknown });
  expect(await readFile(join(out, 'model.safetensors'), 'utf8')).toBe('mine');
});
