import { describe, expect, test } from '@jest/globals';
import { family, tinyBlueprint } from '../test/tiny.js';
import { forwardMemory, sweepMemory, trainingMemory } from './memory.js';
import { trainOptions, type TrainOptionsInput } from './options.js';

/** SmolLM2-135M. */
const SMOLLM2 = family.blueprint({
  architectures: ['LlamaForCausalLM'],
  vocab_size: 49152,
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  tie_word_embeddings: true,
});

const foretold = (given: TrainOptionsInput, native = true) =>
  trainingMemory(SMOLLM2, trainOptions.parse({ steps: 1, batchSize: 4, window: 256, ...given }), { native });

describe('the memory of training is foretold', () => {
  test('weights, moments and gradients are the parameters, in float32', () => {
    const { weights, moments, gradients } = foretold({});
    expect([weights, moments, gradients]).toEqual([4 * 134_515_008, 8 * 134_515_008, 4 * 134_515_008]);
    expect(foretold({ optimizer: 'lion' }).moments).toBe(weights);
  });

  test('activations are counted from the shapes', () => {
    // By hand: stream and norm twice, queries, keys, values, the result of attention, gate, up and their product; one layer more while it is walked back through.
    const perToken = 4 * 576 + 576 + 2 * 192 + 576 + 3 * 1536;
    expect(foretold({}).activations).toBe(4 * 1024 * 31 * perToken);
    expect(foretold({ checkpointBlocks: true }).activations).toBe(4 * 1024 * (30 * 576 + 2 * perToken));
  });

  test('within a tenth of what was measured on SmolLM2-135M', () => {
    // Peak resident memory of the process, 2 steps on the native engine (docs/kernels.md).
    const near = (bytes: number, measured: number): void => expect(Math.abs(bytes / measured - 1)).toBeLessThan(0.1);
    near(foretold({}).total, 3.88e9);
    near(foretold({ checkpointBlocks: true }).total, 3.22e9);
  });

  test('references hold all logits and the scores of a layer', () => {
    const [native, references] = [foretold({}), foretold({}, false)];
    expect(references.logits).toBeGreaterThanOrEqual(4 * 1024 * 49152);
    expect(references.activations - native.activations).toBeGreaterThanOrEqual(4 * 4 * 9 * 256 ** 2);
  });

  test('a teacher adds its weights, a second batch the mean of the gradients', () => {
    const options = trainOptions.parse({ steps: 1, batchSize: 4, window: 256 });
    expect(trainingMemory(SMOLLM2, options, { native: true, teacher: SMOLLM2 }).teacher).toBe(4 * 134_515_008);
    expect(foretold({ accumulate: 2 }).total - foretold({}).total).toBeGreaterThanOrEqual(4 * 134_515_008);
  });

  test('running a model needs less than training it, and a walk block by block less than the model', () => {
    const run = forwardMemory(SMOLLM2, { batchSize: 1, window: 256 }, { native: true });
    expect(run.total).toBeLessThan(0.4 * foretold({}).total);
    expect(sweepMemory(SMOLLM2, { samples: 16, window: 256 }, { native: true }).total).toBeLessThan(run.total);
    expect(forwardMemory(tinyBlueprint, { batchSize: 1, window: 8 }, { native: true }).weights).toBe(4 * tinyBlueprint.parameters);
  });
});
