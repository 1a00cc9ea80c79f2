import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config, type Model, toFloat32 } from '@chop/core';
import { keyValueCache, startEngine } from '@chop/kernels';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { llama } from '../src/llama.js';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), 'reference');
const NAMES = readdirSync(FOLDER).flatMap((file) => (file.endsWith('.json') ? [file.slice(0, -5)] : []));

beforeAll(async () => void (await startEngine()));

/** A small safetensors file: header length, JSON header, data. */
function tensorsOf(name: string): Map<string, { shape: number[]; bytes: Uint8Array }> {
  const file = readFileSync(join(FOLDER, `${name}.safetensors`));
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, start)) as Record<string, { shape: number[]; data_offsets: [number, number] }>;
  return new Map(
    Object.entries(header).flatMap(([key, { shape, data_offsets: offsets }]) =>
      key === '__metadata__' ? [] : [[key, { shape, bytes: Uint8Array.from(file.subarray(start + offsets[0], start + offsets[1])) }]],
    ),
  );
}

function load(name: string): { model: Model; ids: tf.Tensor2D; logits: Float32Array } {
  const { config } = JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as { config: Config };
  const tensors = tensorsOf(name);
  const blueprint = llama.family.blueprint(config);
  const stored = [...tensors.keys()].flatMap((key) => (key.startsWith('model/') ? [key.slice(6)] : []));
  expect([...blueprint.weights.keys()].sort()).toEqual(stored.sort());
  const model = llama.family.model(blueprint);
  for (const [key, { shape }] of blueprint.weights) {
    expect(tensors.get(`model/${key}`)!.shape).toEqual(shape);
    model.put(key, toFloat32(tensors.get(`model/${key}`)!.bytes, 'F32'));
  }
  const { shape, bytes } = tensors.get('ids')!;
  return { model, ids: tf.tensor2d(new Int32Array(bytes.buffer), shape as [number, number], 'int32'), logits: toFloat32(tensors.get('logits')!.bytes, 'F32') };
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(b).reduce((most, value, i) => Math.max(most, Math.abs(a[i]! - value)), 0);
}

describe.each(NAMES)('%s', (name) => {
  test('gives the logits of transformers; its table accounts for every tensor', () => {
    const { model, ids, logits } = load(name);
    const found = tf.tidy(() => model.forward(ids).dataSync());
    expect(found.length).toBe(logits.length);
    expect(largestDifference(found, logits)).toBeLessThan(1e-3);
  });

  test('gives the same logits when it reads piece by piece through a cache', () => {
    const { model, ids, logits } = load(name);
    const [rows, tokens] = ids.shape;
    const vocab = logits.length / (rows * tokens);
    const cache = keyValueCache();
    for (const [from, to] of [
      [0, 9],
      [9, 10],
      [10, 11],
      [11, 17],
      [17, tokens],
    ] as const) {
      const found = tf.tidy(() => model.forward(tf.slice(ids, [0, from], [rows, to - from]), { cache }).dataSync());
      for (let row = 0; row < rows; row++) {
        const expected = logits.subarray((row * tokens + from) * vocab, (row * tokens + to) * vocab);
        expect(largestDifference(found.subarray(row * (to - from) * vocab, (row + 1) * (to - from) * vocab), expected)).toBeLessThan(1e-3);
      }
    }
    cache.dispose();
  });
});
