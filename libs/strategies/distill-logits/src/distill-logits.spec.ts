import type { Model } from '@chop/core';
import { randomCheckpoint } from '@chop/core/testing';
import { startEngine } from '@chop/kernels';
import { llama } from '@chop/models';
import { lossTerms, outputs, train, trainOptions } from '@chop/training';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { distillLogits } from './distill-logits.js';

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 30,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  tie_word_embeddings: true,
};

beforeAll(async () => void (await startEngine()));
afterEach(() => tf.disposeVariables());

async function llamaOf(seed: number, change: Record<string, unknown> = {}): Promise<Model> {
  const config = { ...CONFIG, ...change };
  const model = llama.family.model(llama.family.blueprint(config));
  await model.load(randomCheckpoint(llama.family, config, seed));
  return model;
}

const distiller = (given: Record<string, unknown>) => ({ method: distillLogits.method, options: distillLogits.method.options.parse(given) });
const batch = () => ({
  ids: tf.tensor2d(
    Array.from({ length: 16 }, (_, i) => (i * 7) % 30),
    [2, 8],
    'int32',
  ),
});
const numbers = (terms: Record<string, tf.Tensor>): Record<string, number> =>
  Object.fromEntries(Object.entries(terms).map(([name, term]) => [name, term.dataSync()[0]!]));

/** KL(teacher ‖ student) of softmax(logits / temperature), in float64, mean over positions. */
function divergence(teacher: number[][], student: number[][], temperature: number): number {
  const logSoftmax = (row: number[]): number[] => {
    const scaled = row.map((value) => value / temperature);
    const top = Math.max(...scaled);
    const sum = Math.log(scaled.reduce((total, value) => total + Math.exp(value - top), 0)) + top;
    return scaled.map((value) => value - sum);
  };
  const each = teacher.map((row, i) => {
    const [p, q] = [logSoftmax(row), logSoftmax(student[i]!)];
    return p.reduce((sum, value, j) => sum + Math.exp(value) * (value - q[j]!), 0);
  });
  return each.reduce((sum, value) => sum + value, 0) / each.length;
}

describe('distillation on the output distribution', () => {
  test.each([
    { temperature: 2, weight: 0.5 },
    { temperature: 1, weight: 0.9 },
  ])('$temperature, $weight: (1 − weight) · LM + weight · temperature² · KL(teacher ‖ student)', async ({ temperature, weight }) => {
    const [student, teacher] = [await llamaOf(1), await llamaOf(2, { num_hidden_layers: 3 })];
    const { method, options } = distiller({ temperature, weight });
    const heard = outputs(teacher, batch(), []);
    const terms = numbers(lossTerms(student, batch(), { distillation: { method, options, teacher }, teacher: heard }));
    const lm = numbers(lossTerms(student, batch()))['lm']!;
    const logits = outputs(student, batch(), []).projection.logits().arraySync() as number[][];
    expect(terms['lm']).toBeCloseTo((1 - weight) * lm, 5);
    expect(terms['distill']).toBeCloseTo(weight * temperature ** 2 * divergence(heard.projection.logits().arraySync() as number[][], logits, temperature), 4);
    expect(terms['distill']).toBeGreaterThan(1e-3);
  });

  test('a student that says what its teacher says has nothing to learn from it', async () => {
    const teacher = await llamaOf(1);
    const { method, options } = distiller({ weight: 1 });
    const { lm, distill } = numbers(
      lossTerms(await llamaOf(1), batch(), { distillation: { method, options, teacher }, teacher: outputs(teacher, batch(), []) }),
    );
    expect(lm).toBe(0);
    expect(Math.abs(distill!)).toBeLessThan(1e-5);
  });

  test('the student comes nearer to its teacher, whose weights keep every bit', async () => {
    const [student, teacher] = [await llamaOf(1), await llamaOf(2, { num_hidden_layers: 3 })];
    const bits = (): number[][] => teacher.names.map((name) => [...teacher.value(name).dataSync()]);
    const before = bits();
    const distill: number[] = [];
    await train({
      model: student,
      options: trainOptions.parse({ steps: 15, batchSize: 2, window: 8, lr: 1e-2, warmupSteps: 0 }),
      batch: () => ({ ids: Int32Array.from({ length: 16 }, (_, i) => (i * 7) % 30), batchSize: 2, window: 8 }),
      distillation: { ...distiller({ weight: 1 }), teacher },
      onEvent: (event) => void (event.type === 'step' && distill.push(event.terms!['distill']!)),
    });
    expect(distill.at(-1)!).toBeLessThan(0.5 * distill[0]!);
    expect(bits()).toEqual(before);
    expect(teacher.names.every((name) => teacher.entry(name).slots.size === 0)).toBe(true);
  });

  test('a teacher of another vocabulary is refused', async () => {
    const [student, teacher] = [await llamaOf(1), await llamaOf(2, { vocab_size: 40 })];
    const heard = outputs(teacher, batch(), []);
    expect(() => lossTerms(student, batch(), { distillation: { ...distiller({}), teacher }, teacher: heard })).toThrow(
      expect.objectContaining({ code: 'DISTILL_VOCABULARY' }),
    );
  });
});
