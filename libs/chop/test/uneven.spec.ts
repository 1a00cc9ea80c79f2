import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Plan } from '@chop/core';
import { savePlan } from '@chop/formats';
import { startEngine } from '@chop/kernels';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Chop, compose } from '../src/index.js';

let chop: Chop;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-uneven-'));
  await startEngine();
  chop = await compose();
});
afterAll(() => rm(folder, { recursive: true }));

test('a plan that leaves layers of different sizes is applied; the folder says who does not load it, and is opened and cut again', async () => {
  const source = await chop.open('embedded');
  const first = (count: number): Int32Array => Int32Array.from({ length: count }, (_, at) => at);
  const [ffn, kv] = [source.blueprint.axes.size('ffn', 0), source.blueprint.axes.size('kv', 0)];
  const keeps = new Map([
    ['layers.1.ffn', first(ffn / 2)],
    ['layers.2.kv', first(1)],
  ]);
  const file = join(folder, 'plan.json');
  await savePlan(file, { plan: Plan.of(source.blueprint, { keeps }), made: {}, fingerprint: undefined });
  const cut = await chop.apply(source, await chop.readPlan(source, file));
  const written = await chop.save(cut, join(folder, 'model'));
  expect(written.verify).toMatchObject({ compared: 'bytes and logits', maxDifference: 0 });
  expect(written.loaders!.flatMap(({ loader, loads }) => (loads ? [loader] : []))).toEqual(['llama.cpp', 'onnxruntime']);
  const config = JSON.parse(await readFile(join(folder, 'model', 'config.json'), 'utf8')) as Record<string, unknown>;
  expect(config).toMatchObject({
    intermediate_size: ffn,
    num_key_value_heads: kv,
    per_layer_config: { 1: { intermediate_size: ffn / 2 }, 2: { num_key_value_heads: 1 } },
  });
  expect(await readFile(join(folder, 'model', 'README.md'), 'utf8')).toMatch(/transformers does not load it: layers of different ffn/);
  const even = await chop.apply(join(folder, 'model'), await chop.plan(join(folder, 'model'), chop.method('layer-chop', { layers: [0, 3, 4] })));
  expect(even.blueprint.config).not.toHaveProperty('per_layer_config');
  await even.close();
  await source.close();
});
