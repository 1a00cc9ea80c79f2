import { readdirSync } from 'node:fs';
import { type Checkpoint, fromStorage, type Model, toFloat32, turnMatrices } from '@chop/core';
import { keyValueCache, startEngine } from '@chop/kernels';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { familyNamed, FOLDER, stored } from './stored.js';

const NAMES = readdirSync(FOLDER).flatMap((file) => (file.endsWith('.json') ? [file.slice(0, -5)] : []));

beforeAll(async () => void (await startEngine()));

async function load(name: string): Promise<{ model: Model; ids: tf.Tensor2D; logits: Float32Array }> {
  const { checkpoint, tensors } = stored(name);
  const family = familyNamed(checkpoint.config);
  const arranged = fromStorage(family, checkpoint);
  const model = family.model(family.blueprint(checkpoint.config));
  const shapes = (from: Iterable<{ name: string; shape: readonly number[] }>): string[] => Array.from(from, (each) => `${each.name} ${each.shape}`).sort();
  expect(shapes(model.blueprint.weights.values())).toEqual(shapes(arranged.tensors.values()));
  await model.load(arranged);
  const { shape, bytes } = tensors.get('ids')!;
  return { model, ids: tf.tensor2d(new Int32Array(bytes.buffer), shape as [number, number], 'int32'), logits: toFloat32(tensors.get('logits')!.bytes, 'F32') };
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(b).reduce((most, value, i) => Math.max(most, Math.abs(a[i]! - value)), 0);
}

describe.each(NAMES)('%s', (name) => {
  test('gives the logits of transformers; its table accounts for every tensor', async () => {
    const { model, ids, logits } = await load(name);
    const found = tf.tidy(() => model.forward(ids).dataSync());
    expect(found.length).toBe(logits.length);
    expect(largestDifference(found, logits)).toBeLessThan(1e-3);
  });

  test('gives the same logits when it reads piece by piece through a cache', async () => {
    const { model, ids, logits } = await load(name);
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

test('a model of every family is written as it was stored', async () => {
  const bytesOf = async (checkpoint: Checkpoint, name: string): Promise<Buffer> => {
    const pieces: Buffer[] = [];
    for await (const piece of checkpoint.stream(name)) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces);
  };
  for (const name of NAMES) {
    const { checkpoint } = stored(name);
    const family = familyNamed(checkpoint.config);
    const { model } = await load(name);
    const written = turnMatrices(model.blueprint, model.asCheckpoint(checkpoint));
    for (const info of checkpoint.tensors.values()) {
      expect(written.tensors.get(info.name)).toEqual(info);
      expect(Buffer.compare(await bytesOf(written, info.name), await bytesOf(checkpoint, info.name))).toBe(0);
    }
    expect(written.tensors.size).toBe(checkpoint.tensors.size);
    expect(family.blueprint(written.config).parameters).toBe(model.blueprint.parameters);
    model.drop();
  }
});

test('GPT-2 as it was first published, without the beginning of its names and with masks among its tensors, is the same model', async () => {
  const { checkpoint } = stored('gpt2');
  const family = familyNamed(checkpoint.config);
  const short = (name: string): string => name.replace(/^transformer\./, '');
  const masks = [0, 1, 2].map((at) => ({ name: `h.${at}.attn.bias`, shape: [1, 1, 32, 32], dtype: 'U8' as const }));
  const published: Checkpoint = {
    ...checkpoint,
    tensors: new Map([...[...checkpoint.tensors.values()].map((info) => ({ ...info, name: short(info.name) })), ...masks].map((info) => [info.name, info])),
    stream: (name, from, to) => checkpoint.stream(`transformer.${name}`, from, to),
  };
  const arranged = fromStorage(family, published);
  expect([...arranged.tensors.keys()].filter((name) => !family.ignores(name)).sort()).toEqual([...checkpoint.tensors.keys()].sort());
  const [model, { model: expected, ids }] = [family.model(family.blueprint(checkpoint.config)), await load('gpt2')];
  await model.load(arranged);
  expect(Array.from(tf.tidy(() => model.forward(ids).dataSync()))).toEqual(Array.from(tf.tidy(() => expected.forward(ids).dataSync())));
});
