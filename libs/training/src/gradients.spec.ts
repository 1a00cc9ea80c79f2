import { startEngine } from '@chop/kernels';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { answersOf, batchOf, tinyModel } from '../test/tiny.js';
import { accumulate, asUsed, backward, type Backward, clipping } from './gradients.js';
import type { TokenBatch } from './loss.js';
import type { HostBatch } from './trainer.js';

beforeAll(async () => void (await startEngine()));

function onEngine({ ids, batchSize, window, weights }: HostBatch): TokenBatch {
  const shape: [number, number] = [batchSize, window];
  return { ids: tf.tensor2d(ids, shape, 'int32'), ...(weights ? { weights: tf.tensor2d(weights, shape) } : {}) };
}

const host = ({ gradients }: Pick<Backward, 'gradients'>): Record<string, number[]> =>
  Object.fromEntries([...gradients].map(([name, gradient]) => [name, [...gradient.dataSync()]]));

describe('clipping', () => {
  const gradients = (...values: number[]): Map<string, tf.Tensor> => new Map(values.map((value, i) => [`w${i}`, tf.tensor1d([value])]));

  test('is one factor for all gradients, which brings their norm to what is allowed', async () => {
    const { norm, factor } = await clipping(gradients(3, 4), 1);
    expect(norm).toBeCloseTo(5, 6);
    expect(factor).toBeCloseTo(1 / 5, 6);
  });

  test('leaves a smaller gradient as it is', async () => {
    const { norm, factor } = await clipping(gradients(0.3, -0.4), 1);
    expect([norm, factor]).toEqual([expect.closeTo(0.5, 6), 1]);
  });

  test('gradients are seen as the optimiser used them, and scaled once', () => {
    const given = gradients(3, 4);
    const before = tf.memory().numTensors;
    const used = asUsed(given, 0.5);
    const seen = tf.tidy(() => [used('w1').dataSync()[0], used('w1').dataSync()[0]]);
    expect(seen).toEqual([2, 2]);
    // The other one was not asked for: nobody pays for it.
    expect(host({ gradients: given })).toEqual({ w0: [3], w1: [2] });
    expect(tf.memory().numTensors).toBe(before);
    expect(asUsed(given, 1)('w0')).toBe(given.get('w0'));
  });
});

describe('accumulation', () => {
  test('two batches of two rows give loss and gradients of one batch of four', async () => {
    const model = await tinyModel();
    const four = batchOf(4)(0);
    const halves = [four.ids.slice(0, 16), four.ids.slice(16)].map((ids) => () => backward(model, onEngine({ ...four, ids, batchSize: 2 })));
    const [together, apart] = [await backward(model, onEngine(four)), await accumulate(halves)];
    expect(apart.terms['lm']).toBeCloseTo(together.terms['lm']!, 5);
    const expected = host(together);
    expect(Object.keys(expected)).toEqual(model.names);
    for (const [name, values] of Object.entries(host(apart))) values.forEach((value, i) => expect(Math.abs(value - expected[name]![i]!)).toBeLessThan(1e-5));
    expect(Math.max(...Object.values(expected).flat().map(Math.abs))).toBeGreaterThan(1e-2);
    model.drop();
  });

  test('answers of unequal length: two batches of two rows give loss and gradients of one batch of four', async () => {
    const model = await tinyModel();
    const whole = answersOf(4)(0);
    const together = await backward(model, onEngine(whole));
    const halves = await Promise.all([0, 1].map((half) => backward(model, onEngine(answersOf(2)(half)))));
    const losses = halves.map(({ terms }) => terms['lm']!);
    const apart = await accumulate(halves.map((half) => async () => half));
    // Two rows of 1 answered position each, then two of 6 and 5.
    expect(apart.positions).toBe(2 + 11);
    expect(apart.terms['lm']).toBeCloseTo((2 * losses[0]! + 11 * losses[1]!) / 13, 6);
    expect(Math.abs(apart.terms['lm']! - together.terms['lm']!)).toBeLessThan(1e-6);
    expect(Math.abs((losses[0]! + losses[1]!) / 2 - together.terms['lm']!)).toBeGreaterThan(1e-3);
    const expected = host(together);
    for (const [name, values] of Object.entries(host(apart))) values.forEach((value, i) => expect(Math.abs(value - expected[name]![i]!)).toBeLessThan(1e-6));
    expect(Math.max(...Object.values(expected).flat().map(Math.abs))).toBeGreaterThan(1e-2);
    model.drop();
  });

  test('nothing but the gradients is left behind', async () => {
    const model = await tinyModel();
    const batch = onEngine(batchOf(2)(0));
    const before = tf.memory().numTensors;
    const { gradients } = await accumulate([() => backward(model, batch), () => backward(model, batch)]);
    expect(tf.memory().numTensors - before).toBe(model.names.length);
    tf.dispose([...gradients.values()]);
    expect(tf.memory().numTensors).toBe(before);
    model.drop();
  });

  test('a gradient is what a small change of the weight does to the loss', async () => {
    const model = await tinyModel();
    const batch = onEngine(batchOf(2)(3));
    const { gradients } = await backward(model, batch);
    const loss = async (): Promise<number> => (await backward(model, batch)).terms['lm']!;
    for (const name of ['model.embed_tokens.weight', 'model.layers.2.mlp.down_proj.weight', 'model.norm.weight']) {
      const value = model.value(name);
      const [before, gradient] = [Array.from(value.dataSync()), Array.from(gradients.get(name)!.dataSync())];
      const at = gradient.reduce((best, entry, i) => (Math.abs(entry) > Math.abs(gradient[best]!) ? i : best), 0);
      const moved = async (by: number): Promise<number> => {
        value.assign(
          tf.tensor(
            before.map((entry, i) => entry + (i === at ? by : 0)),
            value.shape,
          ),
        );
        return loss();
      };
      const slope = ((await moved(1e-2)) - (await moved(-1e-2))) / 2e-2;
      value.assign(tf.tensor(before, value.shape));
      expect(Math.abs(slope / gradient[at]! - 1)).toBeLessThan(0.02);
    }
    model.drop();
  });
});
