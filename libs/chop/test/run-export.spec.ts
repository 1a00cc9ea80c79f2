import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { familyOf } from '@chop/core';
import { randomCheckpoint } from '@chop/core/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Chop, compose, OpenModel, type RunRequest } from '../src/index.js';

let chop: Chop;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-run-export-'));
  chop = await compose();
});
afterAll(() => rm(folder, { recursive: true }));

async function recipeOf(name: string, ...steps: string[]): Promise<string> {
  const file = join(folder, `${name}.yaml`);
  await writeFile(file, [`name: ${name}`, 'model: embedded', 'steps:', ...steps.map((step) => `  - ${step}`), ''].join('\n'));
  return file;
}

const STEPS = [
  'prune: { wanda: {}, calibration: { data: embedded, samples: 1, window: 16 } }',
  'export: { format: gguf, dtype: q8_0, verify: none }',
  'evaluate: { perplexity: "embedded:valid", window: 16, windows: 1 }',
  'export: { format: packed }',
  'export: { format: onnx, dtype: q8, verify: none }',
  'evaluate: {}',
  'export: { dtype: bf16 }',
  'report',
];
const PLACES = ['1-wanda', '2-gguf-q8_0.gguf', '4-packed-f16', '5-onnx-q8', '7-hf-bf16'];

describe('steps that export', () => {
  test('write what the command writes of the pruned model, in every format; what is measured then is what was exported', async () => {
    const out = join(folder, 'all');
    const { steps, model } = await chop.run(await recipeOf('all', ...STEPS), { out });
    const at = (place: string): string => join(out, 'models', place);
    expect(await readdir(join(out, 'models'))).toEqual(PLACES);
    expect(steps.flatMap(({ written }) => (written ? [written.out] : []))).toEqual(PLACES.map(at));
    // ONNX is not read by chop: what it was made from is measured.
    expect(steps.flatMap(({ evaluation }) => (evaluation ? [evaluation.model] : []))).toEqual([at('2-gguf-q8_0.gguf'), at('1-wanda')]);
    expect(model).toBe(at('7-hf-bf16'));
    expect(steps[3]!.written).toMatchObject({ verify: { compared: 'bytes and logits', maxDifference: 0 } });
    const own = join(folder, 'own');
    const same = async (place: string, file: string, request: Parameters<Chop['save']>[2]): Promise<void> => {
      await chop.save(at('1-wanda'), join(own, place), request);
      expect((await readFile(join(at(place), file))).equals(await readFile(join(own, place, file)))).toBe(true);
    };
    await same('2-gguf-q8_0.gguf', '', { format: 'gguf', dtype: 'q8_0', verify: 'none' });
    await same('4-packed-f16', 'model.safetensors', { format: 'packed', dtype: 'f16', verify: 'none' });
    await same('5-onnx-q8', 'onnx/model_quantized.onnx', { format: 'onnx', dtype: 'q8', verify: 'none' });
    await same('7-hf-bf16', 'model.safetensors', { dtype: 'bf16', verify: 'none' });
    const { steps: told } = JSON.parse(await readFile(join(out, 'results.json'), 'utf8')) as { steps: { written?: object }[] };
    expect(told[1]!.written).toMatchObject({ out: at('2-gguf-q8_0.gguf'), verify: { skipped: 'not asked for' } });
    const page = await readFile(join(out, 'report.html'), 'utf8');
    for (const place of PLACES) expect(page).toContain(`models/${place}`);
  });

  test('are not done again when a run goes on, and one that was cut off leaves nothing half', async () => {
    const out = join(folder, 'cut');
    const file = await recipeOf('cut', ...STEPS.slice(0, 4));
    const abort = new AbortController();
    let step = '';
    const request: RunRequest = {
      out,
      signal: abort.signal,
      onMessage: (line) => void (step = line),
      onProgress: ({ phase }) => {
        if (phase === 'write' && step.startsWith('step 4')) abort.abort();
      },
    };
    await expect(chop.run(file, request)).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await readdir(join(out, 'models'))).toEqual(PLACES.slice(0, 2));
    const { ino, mtimeMs } = await stat(join(out, 'models', PLACES[1]!));
    await chop.run(file, { out, resume: true });
    expect(await readdir(join(out, 'models'))).toEqual(PLACES.slice(0, 3));
    expect(await stat(join(out, 'models', PLACES[1]!))).toMatchObject({ ino, mtimeMs });
  });
});

describe('refused before anything is made', () => {
  test('a packed export of a model without 2:4 weights, which nothing prunes before', async () => {
    const out = join(folder, 'dense');
    const file = await recipeOf('dense', 'evaluate: {}', 'export: { format: packed }');
    await expect(chop.run(file, { out })).rejects.toMatchObject({ code: 'FORMAT_NOT_SPARSE' });
    await expect(stat(out)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a GGUF file of what a plan leaves, where llama.cpp has no words for it: no weight of the pruned model is written', async () => {
    const embedded = await chop.open('embedded');
    // Every third layer sees all tokens: an order that GGUF can tell, until the second layer is gone.
    const config = {
      ...{ architectures: ['Gemma3ForCausalLM'], vocab_size: 512, hidden_size: 32, intermediate_size: 32, num_hidden_layers: 6, head_dim: 16 },
      ...{ num_attention_heads: 2, num_key_value_heads: 1, sliding_window: 4, sliding_window_pattern: 3, query_pre_attn_scalar: 16 },
    };
    const family = familyOf(chop.parts, config, 'random');
    const checkpoint = { ...randomCheckpoint(family, config, 1), companions: embedded.checkpoint.companions };
    const model = join(folder, 'gemma');
    await chop.save(new OpenModel({ checkpoint, family, blueprint: family.blueprint(config) }), model, { verify: 'none' });
    await embedded.close();
    const file = join(folder, 'gemma.yaml');
    const steps = ['prune: { layer-chop: { layers: LAYERS } }', 'evaluate: {}', 'export: { format: gguf, dtype: f16, verify: none }'];
    const run = async (layers: string): Promise<string[]> => {
      await writeFile(file, [`name: gemma`, `model: ${model}`, 'steps:', ...steps.map((step) => `  - ${step.replace('LAYERS', layers)}`), ''].join('\n'));
      const out = join(folder, `gemma-${layers.length}`);
      const failure = await chop.run(file, { out }).then(
        () => [],
        (error: { code: string }) => [error.code],
      );
      return [...failure, ...(await readdir(join(out, 'models')).catch(() => []))];
    };
    expect(await run('[0, 1, 2]')).toEqual(['1-layer-chop', '3-gguf-f16.gguf']);
    expect(await run('[0, 2, 3, 4, 5]')).toEqual(['FORMAT_UNSUPPORTED']);
  });
});
