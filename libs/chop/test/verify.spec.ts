import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEngine } from '@chop/kernels';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Chop, compose, findRuntime, layerChop, OpenModel, type RuntimeName, RUNTIMES } from '../src/index.js';
import { installRuntime } from '../src/runtime-install.js';

/** A project with a runtime that says what a test tells it to: reading, comparing and failing need no real one. */
async function project(name: RuntimeName, source: string): Promise<string> {
  const from = await mkdtemp(join(folder, 'project-'));
  const place = join(from, 'node_modules', RUNTIMES[name].package);
  await mkdir(place, { recursive: true });
  await writeFile(join(place, 'package.json'), JSON.stringify({ name: RUNTIMES[name].package, version: '0.0.1', main: 'index.cjs' }));
  await writeFile(join(place, 'index.cjs'), source);
  return from;
}

/** llama.cpp that answers with the same logits after every token. */
const llamaOf = (logits: string): string => `
exports.LlamaLogLevel = {};
exports.getLlama = async () => ({ loadModel: async () => ({ createContext: async () => ({ getSequence: () => ({
  controlledEvaluate: async (items) => items.map(() => ({ next: { logits: new Map(Array.from({ length: 512 }, (_, id) => [id, ${logits}])) } })),
}) }) }) });`;

let folder: string;
let source: OpenModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-verify-'));
  await startEngine();
  source = await (await compose()).open('embedded');
});
afterAll(async () => {
  await source.close();
  await rm(folder, { recursive: true });
});

/** Writes a GGUF file where a runtime is; what is left there afterwards, too. */
async function writeWith(runtime: string, request: Parameters<Chop['save']>[2] = {}): Promise<{ written: Promise<unknown>; left: () => Promise<string[]> }> {
  const chop = await compose({ from: await project('llama.cpp', runtime) });
  const place = await mkdtemp(join(folder, 'out-'));
  return { written: chop.save(source, join(place, 'x.gguf'), { format: 'gguf', ...request }), left: () => readdir(place) };
}

describe('a model is written only if its runtime', () => {
  test('gives the logits that chop gives', async () => {
    const { written, left } = await writeWith(llamaOf('id === 7 ? NaN : 0'));
    await expect(written).rejects.toMatchObject({ code: 'EXPORT_DIFFERS', exitCode: 1, facts: { position: 0, token: 7, maxDifference: Infinity } });
    expect(await left()).toEqual([]);
    const other = await writeWith(llamaOf('100'));
    await expect(other.written).rejects.toMatchObject({
      code: 'EXPORT_DIFFERS',
      message: expect.stringMatching(/logit of 100 for token \d+ after position \d+/) as unknown,
    });
  });

  test('knows as many tokens', async () => {
    const { written } = await writeWith(llamaOf('0').replace('512', '511'));
    await expect(written).rejects.toMatchObject({ code: 'EXPORT_DIFFERS', facts: { found: expect.stringContaining('511') as unknown, expected: '512' } });
  });

  test('takes it, and does not end while it reads it', async () => {
    const refused = await writeWith(`exports.LlamaLogLevel = {}; exports.getLlama = async () => { throw new Error('unknown pre-tokenizer'); };`);
    await expect(refused.written).rejects.toMatchObject({ code: 'EXPORT_UNREADABLE', message: expect.stringContaining('unknown pre-tokenizer') as unknown });
    const crashed = await writeWith(`exports.LlamaLogLevel = {}; exports.getLlama = async () => { console.error('assertion failed'); process.abort(); };`);
    await expect(crashed.written).rejects.toMatchObject({ code: 'EXPORT_UNREADABLE', message: expect.stringMatching(/SIGABRT.*assertion failed/s) as unknown });
    expect([...(await refused.left()), ...(await crashed.left())]).toEqual([]);
  });
});

test('a runtime that does not load is told, and an error where it must', async () => {
  const heard: string[] = [];
  const broken = `throw new Error('GLIBC_2.99 not found');`;
  const { written, left } = await writeWith(broken, { onMessage: (line) => heard.push(line) });
  await expect(written).resolves.toMatchObject({ verify: { skipped: 'llama.cpp 0.0.1 does not load' } });
  expect(heard.join()).toContain('GLIBC_2.99');
  expect(await left()).toEqual(['x.gguf']);
  const must = await writeWith(broken, { verify: 'required' });
  await expect(must.written).rejects.toMatchObject({ code: 'RUNTIME_BROKEN', exitCode: 3 });
  expect(await must.left()).toEqual([]);
});

test('what is larger than the memory limit is written without a look, or not at all', async () => {
  const { written } = await writeWith(llamaOf('0'), { memoryLimit: '1MB' });
  await expect(written).resolves.toMatchObject({ verify: { skipped: expect.stringContaining('memory') as unknown } });
  const must = await writeWith(llamaOf('0'), { memoryLimit: '1MB', verify: 'required' });
  await expect(must.written).rejects.toMatchObject({ code: 'VERIFY_MEMORY', exitCode: 3 });
});

test('no look is taken where none is asked for, and none in a runtime of another format', async () => {
  const { written } = await writeWith(llamaOf('100'), { verify: 'none' });
  await expect(written).resolves.toMatchObject({ verify: { skipped: 'not asked for' } });
  const other = await writeWith(llamaOf('100'), { runtime: 'onnxruntime' });
  await expect(other.written).rejects.toMatchObject({ code: 'RUNTIME_FORMAT', exitCode: 2 });
});

test('a folder of transformers is read again by chop: the same bytes, the same logits', async () => {
  const written = await (await compose()).save(source, join(folder, 'as-folder'), { dtype: 'bf16' });
  expect(written.verify).toMatchObject({ runtime: 'chop', compared: 'bytes and logits', maxDifference: 0 });
  const little = await (await compose()).save(source, join(folder, 'in-little-memory'), { memoryLimit: '1MB' });
  expect(little.verify).toMatchObject({ runtime: 'chop', compared: 'bytes' });
});

test('so is a folder that training writes, before its state is removed', async () => {
  const chop = await compose();
  const trained = await chop.train(source, { data: ['embedded'], steps: 1, batchSize: 1, window: 16, out: join(folder, 'trained') });
  expect(trained.training.verify).toMatchObject({ runtime: 'chop', compared: 'bytes and logits', maxDifference: 0 });
  await trained.close();
});

test('a program that could not take the result is told before anything is computed: by apply and train, too', async () => {
  const chop = await compose();
  const config = { ...source.checkpoint.config, architectures: ['MistralForCausalLM'], model_type: 'mistral', sliding_window: 4 };
  const sliding = new OpenModel({ checkpoint: { ...source.checkpoint, config }, family: source.family, blueprint: source.family.blueprint(config) });
  const plan = await chop.plan(sliding, layerChop({ keep: 4 }));
  const refused = { code: 'LOADER_REFUSES', message: expect.stringMatching(/sliding window/) as unknown };
  await expect(chop.apply(sliding, plan, { for: ['llama.cpp'] })).rejects.toMatchObject(refused);
  await chop.apply(sliding, plan, { for: ['onnxruntime'] });
  const out = join(folder, 'not-trained');
  await expect(chop.train(sliding, { data: ['embedded'], steps: 1, out, for: ['llama.cpp'] })).rejects.toMatchObject(refused);
  expect(await readdir(folder)).not.toContain('not-trained');
});

test('a runtime is looked for in the project, then in the cache; where there is none an export is written, unless one is required', async () => {
  const empty = await mkdtemp(join(folder, 'empty-'));
  const environment = { CHOP_HOME: empty };
  expect(findRuntime('llama.cpp', { from: empty, environment })).toBeUndefined();
  const from = await project('llama.cpp', '');
  expect(findRuntime('llama.cpp', { from, environment })).toMatchObject({ version: '0.0.1', where: 'project' });
  const home = process.env['CHOP_HOME'];
  process.env['CHOP_HOME'] = empty;
  try {
    const chop = await compose({ from: empty });
    expect(chop.runtimes()).toEqual([]);
    const out = join(empty, 'x.gguf');
    const heard: string[] = [];
    const request = { format: 'gguf', onMessage: (line: string) => void heard.push(line) };
    await expect(chop.save(source, out, { ...request, verify: 'required' })).rejects.toMatchObject({ code: 'RUNTIME_MISSING', exitCode: 3 });
    await expect(chop.save(source, out, request)).resolves.toMatchObject({ verify: { skipped: 'no llama.cpp here' } });
    expect(heard).toEqual([expect.stringContaining('chop engine install --runtime llama.cpp')]);
  } finally {
    if (home === undefined) delete process.env['CHOP_HOME'];
    else process.env['CHOP_HOME'] = home;
  }
});

test('an install that npm refuses leaves nothing', async () => {
  const empty = await mkdtemp(join(folder, 'npm-'));
  await writeFile(join(empty, 'npm'), '#!/bin/sh\necho E404 not in this registry >&2\nexit 1\n', { mode: 0o755 });
  const install = installRuntime('onnxruntime', { environment: { PATH: `${empty}:${process.env['PATH']}`, CHOP_HOME: join(empty, 'home') } });
  await expect(install).rejects.toMatchObject({ code: 'RUNTIME_INSTALL', exitCode: 3, message: expect.stringContaining('E404') as unknown });
  expect(await readdir(join(empty, 'home', 'runtimes'))).toEqual([]);
});
