import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Checkpoint, DTYPE_BYTES, elementCount, fromFloat32, readBytes, toFloat32 } from '@chop/core';
import { startEngine } from '@chop/kernels';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { type Chop, compose, OpenModel } from '../src/index.js';
import { probeIds, verifyInRuntime } from '../src/verify.js';

let chop: Chop;
let folder: string;
let source: OpenModel;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-verify-blocks-'));
  await startEngine();
  chop = await compose();
  source = await chop.open('embedded');
  file = await inBlocks(source, 'q8_0');
});
afterAll(async () => {
  await source.close();
  await rm(folder, { recursive: true });
});

async function inBlocks(model: OpenModel, name: string): Promise<string> {
  const out = join(folder, `${name}.gguf`);
  await chop.save(model, out, { format: 'gguf', dtype: 'q8_0', verify: 'none' });
  return out;
}

/** The model with other weights, or as it is under another config. */
function changed({ checkpoint, family }: OpenModel, { config = {}, weights = {} }: Change): OpenModel {
  const all = { ...checkpoint.config, ...config };
  const other: Checkpoint = {
    ...checkpoint,
    config: all,
    stream: async function* (name, from, to) {
      const info = checkpoint.tensors.get(name)!;
      const change = weights[name.replace(/^model\.|\.weight$/g, '')];
      const bytes = await readBytes(checkpoint, name);
      yield (change ? fromFloat32(change(toFloat32(bytes, info.dtype), info.shape.at(-1)!), info.dtype) : bytes).subarray(
        from ?? 0,
        to ?? elementCount(info.shape) * DTYPE_BYTES[info.dtype],
      );
    },
  };
  return new OpenModel({ checkpoint: other, family, blueprint: family.blueprint(all), close: async () => {} });
}
interface Change {
  readonly config?: Record<string, unknown>;
  readonly weights?: Record<string, (values: Float32Array, features: number) => Float32Array>;
}

const zeros = (values: Float32Array): Float32Array => new Float32Array(values.length);
const rowsReversed = (values: Float32Array, features: number): Float32Array =>
  Float32Array.from(values, (_, at) => values[values.length - features - (at - (at % features)) + (at % features)]!);
const times =
  (factor: number) =>
  (values: Float32Array): Float32Array =>
    values.map((value) => value * factor);

/** Blocks of 8 bits on another grid than chop's, as another order of products would have it: down to −128, halves upwards. */
function onAnotherGrid(value: tf.Tensor): tf.Tensor {
  const values = value.dataSync() as Float32Array;
  const rounded = values.map((x, at) => {
    const block = values.subarray(at - (at % 32), at - (at % 32) + 32);
    const step = block.reduce((most, other) => (Math.abs(other) > Math.abs(most) ? other : most), 0) / -128;
    return step === 0 ? 0 : Math.min(Math.floor(x / step + 0.5), 127) * step;
  });
  return tf.tensor(rounded, value.shape);
}

/** A llama.cpp that reads a model as chop reads another one, its activations in 8 bits. */
async function readerOf(model: OpenModel): Promise<string> {
  const live = await model.load();
  const ids = probeIds(model.blueprint.axes.size('vocab'));
  const through = (name: string, value: tf.Tensor): tf.Tensor => (/\w\.input$/.test(name.replace(/^layers\.\d+\.input$/, '')) ? onAnotherGrid(value) : value);
  const logits = tf.tidy(() => live.forward(tf.tensor2d([ids], undefined, 'int32'), { through }).dataSync() as Float32Array);
  live.drop();
  const from = await mkdtemp(join(folder, 'project-'));
  const place = join(from, 'node_modules/node-llama-cpp');
  await mkdir(place, { recursive: true });
  await writeFile(join(place, 'package.json'), JSON.stringify({ name: 'node-llama-cpp', version: '0.0.1', main: 'index.cjs' }));
  await writeFile(join(place, 'logits'), Buffer.from(logits.buffer, logits.byteOffset, logits.byteLength));
  await writeFile(
    join(place, 'index.cjs'),
    `const bytes = require('fs').readFileSync(__dirname + '/logits');
const all = new Float32Array(new Uint8Array(bytes).buffer), vocab = all.length / ${ids.length};
let at = 0;
exports.LlamaLogLevel = {};
exports.getLlama = async () => ({ loadModel: async () => ({ createContext: async () => ({ getSequence: () => ({
  controlledEvaluate: async (items) => items.map(() => ({ next: { logits: new Map([...all.subarray(at * vocab, ++at * vocab)].entries()) } })),
}) }) }) });`,
  );
  return from;
}

type Found = Extract<Awaited<ReturnType<typeof verifyInRuntime>>, { maxDifference: number }>;

async function verified(model: OpenModel, path: string, reader: OpenModel): Promise<Found> {
  const written = { path, file: 'x.gguf', format: 'gguf', dtype: 'q8_0' } as const;
  return (await verifyInRuntime(model, written, { verify: 'required' }, await readerOf(reader))) as Found;
}

test('a reader that rounds activations in its own way is taken', async () => {
  const { divergence, divergenceTolerance, ...found } = await verified(source, file, source);
  expect(divergence).toBeGreaterThan(0);
  expect(divergence).toBeLessThan(divergenceTolerance!);
  expect(found.maxDifference).toBeLessThan(found.tolerance);
});

/** Ways to misread a model. */
const MISREAD: readonly [what: string, change: Change][] = [
  ['rotary frequencies of another base', { config: { rope_theta: 100 } }],
  ['values of one layer as zeros', { weights: { 'layers.2.self_attn.v_proj': zeros } }],
  ['rows of a matrix in disorder', { weights: { 'layers.0.mlp.up_proj': rowsReversed } }],
  ['scales of twice the size', { weights: { 'layers.3.mlp.down_proj': times(2) } }],
];

test.each(MISREAD)('%s: refused', async (_, change) => {
  await expect(verified(source, file, changed(source, change))).rejects.toMatchObject({ code: 'EXPORT_DIFFERS' });
});

describe('a model that takes rounding to heart', () => {
  const FRAGILE: Change = {
    weights: Object.fromEntries(
      Array.from({ length: 8 }, (_, at) => at).flatMap((at) => ['q', 'k'].map((role) => [`layers.${at}.self_attn.${role}_proj`, times(4)])),
    ),
  };
  let fragile: OpenModel;
  let itsFile: string;
  beforeAll(async () => {
    fragile = changed(source, FRAGILE);
    itsFile = await inBlocks(fragile, 'fragile');
  });

  test('is taken from a good reader, which is farther away than a bad one of a sound model may be', async () => {
    const [sound, found] = [await verified(source, file, source), await verified(fragile, itsFile, fragile)];
    expect(found.divergence).toBeGreaterThan(2 * sound.divergenceTolerance!);
  });

  test.each(MISREAD.slice(0, 2))('%s: refused', async (_, change) => {
    await expect(verified(fragile, itsFile, changed(fragile, change))).rejects.toMatchObject({ code: 'EXPORT_DIFFERS' });
  });
});

test.each<[what: string, change: Change]>([
  ['zeros', { weights: { 'layers.5.mlp.gate_proj': zeros } }],
  ['rows in disorder', { weights: { 'layers.5.mlp.gate_proj': rowsReversed } }],
])('%s in a file, which its reader reads as they are: refused by name', async (what, change) => {
  const other = changed(source, change);
  await expect(verified(source, await inBlocks(other, what), other)).rejects.toMatchObject({
    code: 'EXPORT_DIFFERS',
    facts: { tensor: 'model.layers.5.mlp.gate_proj.weight' },
  });
});
