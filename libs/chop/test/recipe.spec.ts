import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { z } from 'zod';
import { compose } from '../src/compose.js';
import { readRecipe } from '../src/recipe.js';
import { resolveRecipe, writtenStep } from '../src/resolve.js';

const RECIPES = fileURLToPath(new URL('../../../recipes/', import.meta.url));

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'chop-recipe-'))));
afterAll(() => rm(folder, { recursive: true }));

async function read(...lines: string[]) {
  const file = join(folder, 'recipe.yaml');
  await writeFile(file, `${lines.join('\n')}\n`);
  return readRecipe(file);
}

const HEAD = ['name: half', 'model: embedded'];

describe('a recipe', () => {
  test('of every kind of step, with every default explicit', async () => {
    const { recipe } = await read(
      ...HEAD,
      'data: { train: a.jsonl b.txt, valid: [c.txt] }',
      'steps:',
      '  - evaluate: { perplexity: valid, windows: 20 }',
      '  - prune: { layer-chop: { keep: 15 }, calibration: { samples: 4 } }',
      '  - train: { tokens: 50M, batchSize: 32, prune: { dim-chop: }, distill: { distill-logits: {}, teacher: embedded } }',
      '  - export: { dtype: bf16 }',
      '  - report',
    );
    expect(recipe).toMatchObject({ name: 'half', model: 'embedded', data: { train: ['a.jsonl', 'b.txt'], valid: ['c.txt'] }, plugins: [], seed: 0 });
    expect(recipe.steps.map(({ kind }) => kind)).toEqual(['evaluate', 'prune', 'train', 'export', 'report']);
    const [evaluate, prune, train, exported] = recipe.steps;
    expect(evaluate).toEqual({
      kind: 'evaluate',
      options: { perplexity: 'valid', windows: 20, window: 512, bos: false, tasksDir: [], taskData: {}, latency: false, sampleTokens: 48 },
    });
    expect(prune).toEqual({ kind: 'prune', name: 'layer-chop', set: { keep: 15 }, calibration: { samples: 4, window: 512 } });
    expect(train).toMatchObject({
      options: { tokens: 50e6, batchSize: 32, window: 512, lr: 3e-4, optimizer: 'adamw', schedule: 'cosine', data: 'train', keep: 2 },
    });
    expect(exported).toEqual({ kind: 'export', options: { format: 'hf', dtype: 'bf16', verify: 'auto' } });
  });

  test('resolved has every default of steps, methods, evaluators and of the run, and means the same when it is read again', async () => {
    const { parts } = await compose();
    const { recipe, placeOf } = await read(
      ...HEAD,
      'data: { train: a.jsonl }',
      'join: "\\n"',
      'steps:',
      '  - evaluate: { perplexity: train, latency: true }',
      '  - prune: { wanda: }',
      '  - prune: { layer-chop: { keep: 4 } }',
      '  - train: { steps: 50, batchSize: 2, window: 16, prune: { dim-chop: { sparsity: 0.25 } }, distill: { distill-logits: { weight: 0.75 } } }',
      '  - evaluate: { latency: { runs: 2 } }',
      '  - export: {}',
      '  - evaluate: {}',
      '  - report',
    );
    const resolved = resolveRecipe(parts, recipe, 7, placeOf);
    const text = { ...resolved, steps: resolved.steps.map(writtenStep) };
    expect(text).toMatchObject({ seed: 7, plugins: [] });
    const latency = Object.fromEntries(
      Object.entries((z.toJSONSchema(parts.evaluators.get('latency')!.options, { io: 'input' }) as { properties: object }).properties).map(
        ([name, { default: value }]) => [name, value],
      ),
    );
    const measured = { window: 512, stride: 512, bos: false, tasksDir: [], taskData: {}, sampleTokens: 48 };
    expect(text.steps).toEqual([
      { evaluate: { ...measured, name: 'embedded', perplexity: 'train', latency } },
      { prune: { wanda: { pattern: '2:4' }, calibration: { data: 'train', samples: 128, window: 512, join: '\n' } } },
      { prune: { 'layer-chop': { keep: 4, gapTokens: 0, warmupSteps: 0 } } },
      {
        train: {
          ...{ steps: 50, batchSize: 2, window: 16, accumulate: 1, order: 'shuffled', join: '\n', optimizer: 'adamw', lr: 3e-4, betas: [0.9, 0.95], eps: 1e-8 },
          ...{
            weightDecay: 0.1,
            clip: 1,
            schedule: 'cosine',
            warmupSteps: 1,
            minLrRatio: 0.1,
            seed: 7,
            keep: 2,
            documentMask: false,
            chat: false,
            checkpointBlocks: false,
            precision: 'f32',
          },
          // A tenth of 50 steps of 2 · 16 tokens.
          ...{ data: 'train', saveEvery: 160 },
          prune: { 'dim-chop': { sparsity: 0.25, every: 100, warmupSteps: 0, rate: 3, beta1: 0.85, beta2: 0.95, shared: [], multiple: 1 } },
          distill: { 'distill-logits': { weight: 0.75, temperature: 2 }, teacher: 'embedded' },
          calibration: { data: 'train', samples: 128, window: 512, join: '\n' },
        },
      },
      { evaluate: { ...measured, name: '4-train', latency: { ...latency, runs: 2 } } },
      { export: { format: 'hf', dtype: 'f16', verify: 'auto' } },
      { evaluate: { ...measured, name: '6-hf-f16', latency: false } },
      'report',
    ]);
    const again = await read(stringify(text));
    expect(resolveRecipe(parts, again.recipe, again.recipe.seed, again.placeOf)).toEqual(resolved);
  });

  test('is YAML 1.2: yes, no and on are words, 012 is twelve', async () => {
    const { recipe } = await read('name: no', 'model: yes', 'seed: 012', 'steps: [report]');
    expect(recipe).toMatchObject({ name: 'no', model: 'yes', seed: 12 });
  });

  test('that ships with the repository is read, and its methods are known', async () => {
    const { parts } = await compose();
    const files = (await readdir(RECIPES)).filter((name) => name.endsWith('.yaml'));
    expect(files).toContain('quick-start.yaml');
    for (const file of files) {
      const { recipe, placeOf } = await readRecipe(join(RECIPES, file));
      expect(() => resolveRecipe(parts, recipe, 0, placeOf)).not.toThrow();
    }
  });

  test('may be checked against its JSON Schema', async () => {
    const schema = (await compose()).schema('recipe') as {
      properties: Record<string, unknown>;
      additionalProperties: boolean;
      $defs: { pruners: Record<string, { properties: object }> };
    };
    expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(['name', 'model', 'data', 'steps', 'plugins', 'seed']));
    expect(schema.additionalProperties).toBe(false);
    const steps = JSON.stringify(schema.properties['steps']);
    expect(steps).toContain('"enum":["hf","packed","gguf","onnx"]');
    expect(steps).toContain('"enum":["f32","f16","bf16","q8_0","q4_0","q4_k_m","q8","q4","q4f16"]');
    expect(Object.keys(schema.$defs.pruners['layer-chop']!.properties)).toEqual(['keep', 'configuration', 'layers', 'gapTokens', 'warmupSteps']);
  });
});

describe('refused with its line', () => {
  test.each<[string, string[], { code: string; line?: number; says: string }]>([
    ['a key without steps', HEAD, { code: 'OPTION_VALUE', says: 'recipe.steps' }],
    ['a name that is a path', ['name: ../half', 'model: m', 'steps: [report]'], { code: 'OPTION_VALUE', line: 1, says: 'letters, digits' }],
    ['two kinds in one step', [...HEAD, 'steps:', '  - prune: { wanda: {} }', '    export: {}'], { code: 'OPTION_VALUE', line: 4, says: 'entry of its own' }],
    [
      'two methods in one step',
      [...HEAD, 'steps:', '  - prune: { wanda: {}, layer-chop: { keep: 2 } }'],
      { code: 'OPTION_VALUE', line: 4, says: 'exactly one method' },
    ],
    ['report with options', [...HEAD, 'steps:', '  - evaluate: {}', '  - report: { colour: blue }'], { code: 'OPTION_VALUE', line: 5, says: '- report' }],
    [
      'a misspelt key of calibration',
      [...HEAD, 'steps:', '  - prune:', '      wanda: {}', '      calibration:', '        sample: 4'],
      { code: 'OPTION_UNKNOWN', line: 7, says: 'Did you mean samples?' },
    ],
    ['a key that is there twice', [...HEAD, 'model: other', 'steps: [report]'], { code: 'RECIPE_SYNTAX', line: 3, says: 'unique' }],
  ])('%s', async (_, lines, { code, line, says }) => {
    const file = join(folder, 'recipe.yaml');
    await expect(read(...lines)).rejects.toMatchObject({
      code,
      facts: { file, ...(line === undefined ? {} : { line }) },
      message: expect.stringContaining(says) as unknown,
    });
  });

  test.each([
    ['a format that is none', 'export: { format: ggfu }', { code: 'FORMAT_UNKNOWN', expected: 'hf, packed, gguf, onnx', remedy: 'Did you mean gguf?' }],
    ['a dtype of another format', 'export: { format: onnx, dtype: q8_0 }', { code: 'DTYPE_UNKNOWN', expected: 'f32, f16, q8, q4, q4f16' }],
    ['a runtime of another format', 'export: { format: gguf, runtime: onnxruntime }', { code: 'RUNTIME_FORMAT', expected: 'llama.cpp' }],
    ['a runtime where chop itself reads', 'export: { runtime: llama.cpp }', { code: 'RUNTIME_FORMAT', expected: expect.stringContaining('none') }],
  ])('%s', async (_, step, { code, ...facts }) => {
    const { parts } = await compose();
    const { recipe, placeOf } = await read(...HEAD, 'steps:', '  - evaluate: {}', `  - ${step}`);
    expect(() => resolveRecipe(parts, recipe, 0, placeOf)).toThrow(
      expect.objectContaining({ code, facts: expect.objectContaining({ line: 5, ...facts }) as unknown }) as unknown as Error,
    );
  });

  test('a method and its options, when the plugins are known', async () => {
    const { parts } = await compose();
    const check = async (...lines: string[]) => {
      const { recipe, placeOf } = await read(...HEAD, 'steps:', ...lines);
      return () => resolveRecipe(parts, recipe, 0, placeOf);
    };
    const refused = (code: string, line: number) => expect.objectContaining({ code, facts: expect.objectContaining({ line }) as unknown });
    expect(await check('  - prune:', '      wandaa: {}')).toThrow(refused('METHOD_UNKNOWN', 5));
    expect(await check('  - evaluate:', '      latency: { rums: 2 }')).toThrow(refused('OPTION_UNKNOWN', 5));
    expect(await check('  - train: { lr: 0.1 }')).toThrow(refused('TRAIN_LENGTH', 4));
    expect(await check('  - prune:', '      wanda:', '        pattern: 4:2')).toThrow(refused('OPTION_VALUE', 6));
    expect(await check('  - train:', '      steps: 1', '      prune:', '        dim-chop:', '          sparsity: 2')).toThrow(refused('OPTION_VALUE', 8));
    expect(await check('  - train:', '      steps: 1', '      distill:', '        teacher: embedded', '        distill-logit: {}')).toThrow(
      refused('METHOD_UNKNOWN', 8),
    );
    expect(await check('  - train:', '      steps: 1', '      distill:', '        distill-logits: { temperature: 0 }')).toThrow(refused('OPTION_VALUE', 7));
  });
});
