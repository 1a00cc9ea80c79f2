import { startEngine } from '@chop/kernels';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { tinyModel } from '../test/tiny.js';
import { update } from './optimizer.js';
import { trainOptions, type TrainOptionsInput } from './options.js';

beforeAll(async () => void (await startEngine()));

const MATRIX = 'model.layers.0.mlp.up_proj.weight';
const VECTOR = 'model.layers.0.input_layernorm.weight';

/** First elements of a matrix and of a vector before and after one step with one gradient everywhere. */
async function step(gradient: number, given: Omit<TrainOptionsInput, 'steps'>) {
  const model = await tinyModel();
  const first = (name: string): number => model.value(name).dataSync()[0]!;
  const before = { matrix: first(MATRIX), vector: first(VECTOR) };
  const gradients = new Map([MATRIX, VECTOR].map((name) => [name, tf.fill(model.value(name).shape, gradient)]));
  update(model, gradients, trainOptions.parse({ steps: 1, ...given }), { lr: 0.01, index: 1, factor: 0.5 });
  const after = { matrix: first(MATRIX), vector: first(VECTOR) };
  const slots = [...model.entry(MATRIX).slots.keys()];
  const others = model.names.filter((name) => model.entry(name).slots.size > 0);
  model.drop();
  return { before, after, slots, others };
}

describe('one step', () => {
  test('AdamW decays matrices and not vectors, and goes lr against the sign of the first gradient', async () => {
    const { before, after, slots, others } = await step(2, { weightDecay: 0.5 });
    // Bias-corrected moments of a first gradient g, whatever it was clipped to, are g and g²: the step is lr · g / (|g| + eps).
    expect(after.matrix).toBeCloseTo(before.matrix * (1 - 0.01 * 0.5) - 0.01, 6);
    expect(after.vector).toBeCloseTo(before.vector - 0.01, 6);
    expect(slots).toEqual(['m', 'v']);
    expect(others.sort()).toEqual([VECTOR, MATRIX].sort());
  });

  test('Lion goes lr against the sign of the gradient, whatever its size', async () => {
    const { before, after, slots } = await step(-1e-3, { weightDecay: 0.5, optimizer: 'lion' });
    expect(after.matrix).toBeCloseTo(before.matrix * (1 - 0.01 * 0.5) + 0.01, 6);
    expect(after.vector).toBeCloseTo(before.vector + 0.01, 6);
    expect(slots).toEqual(['m']);
  });
});
