import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Model, type Plan, UsageError } from '@chop/core';
import { checkPruner, randomCheckpoint } from '@chop/core/testing';
import { startEngine } from '@chop/kernels';
import { llama } from '@chop/models';
import { train, type TrainingEvent, trainOptions } from '@chop/training';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { CONFIGURATIONS, type Configuration, keptLayers, layerChop } from './layer-chop.js';

/** The folder of reference numbers. */
const GOLDEN = process.env['CHOP_GOLDEN'] ?? fileURLToPath(new URL('../../../../../shared/golden', import.meta.url));
const golden = JSON.parse(readFileSync(join(GOLDEN, 'layer-chop.json'), 'utf8')) as Record<string, Record<Configuration, number[]>>;

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 30,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 6,
  num_attention_heads: 2,
  tie_word_embeddings: true,
};

beforeAll(async () => void (await startEngine()));
afterEach(() => tf.disposeVariables());

describe('which layers stay', () => {
  const cases = Object.entries(golden).flatMap(([sizes, kept]) => CONFIGURATIONS.map((configuration) => [sizes, configuration, kept[configuration]] as const));

  test.each(cases)('%s %s as the reference has it', (sizes, configuration, expected) => {
    const [layers, keep] = sizes.split('->').map(Number) as [number, number];
    expect(keptLayers({ configuration, layers, keep })).toEqual(expected);
  });

  test('the first and the last always, in increasing order, as many as asked', () => {
    const sizes = fc
      .integer({ min: 3, max: 60 })
      .chain((layers) =>
        fc.record({ layers: fc.constant(layers), keep: fc.integer({ min: 2, max: layers - 1 }), configuration: fc.constantFrom(...CONFIGURATIONS) }),
      );
    fc.assert(
      fc.property(sizes, (choice) => {
        const kept = keptLayers(choice);
        expect([kept.length, kept[0], kept.at(-1)]).toEqual([choice.keep, 0, choice.layers - 1]);
        expect(kept.every((layer, i) => i === 0 || layer > kept[i - 1]!)).toBe(true);
      }),
    );
  });

  test('max-gap spreads the gaps evenly; the others drop whole blocks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 60 }), fc.nat(), (layers, draw) => {
        const keep = 2 + (draw % (layers - 2));
        const gaps = keptLayers({ configuration: 'max-gap', layers, keep }).flatMap((layer, i, all) => (i === 0 ? [] : [layer - all[i - 1]!]));
        expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThanOrEqual(1);
        for (const [configuration, blocks] of [
          ['input', 1],
          ['output', 1],
          ['middle', 1],
          ['both', 2],
        ] as const) {
          const jumps = keptLayers({ configuration, layers, keep }).filter((layer, i, all) => i > 0 && layer > all[i - 1]! + 1);
          expect(jumps.length).toBeLessThanOrEqual(blocks);
        }
      }),
    );
  });

  test.each([0, 1, -3, 6, 7, 2.5, NaN])('%d of 6 is refused', (keep) =>
    expect(() => keptLayers({ configuration: 'max-gap', layers: 6, keep })).toThrow(UsageError),
  );

  test.each([
    [2, /a model of 2 layers, expected at least 3: .*--set layers=\[0\]/],
    [1, /a model of 1 layer, expected at least 3: .*Choose another method/],
  ])('of %d layers none can go, whatever is to stay', (layers, says) => expect(() => keptLayers({ configuration: 'max-gap', layers, keep: 1 })).toThrow(says));
});

describe('LayerCHOP without training', () => {
  test('holds the laws of a pruner', async () => {
    const plan = await checkPruner(layerChop.method, {
      family: llama.family,
      config: CONFIG,
      options: layerChop.method.options.parse({ keep: 3, configuration: 'input' }),
    });
    expect([...plan.keeps]).toEqual([['layer', Int32Array.of(0, 4, 5)]]);
  });

  test('keeps the layers that are named, the first and last not among them', async () => {
    const plan = await checkPruner(layerChop.method, { family: llama.family, config: CONFIG, options: layerChop.method.options.parse({ layers: [3, 1] }) });
    expect([...plan.keeps]).toEqual([['layer', Int32Array.of(1, 3)]]);
  });

  test('needs nothing, unless layers leave while training goes on', () => {
    const needs = (given: Record<string, unknown>) => layerChop.method.needs(layerChop.method.options.parse({ keep: 2, ...given }));
    expect([needs({}), needs({ gapTokens: 1 }), needs({ warmupSteps: 1 })]).toEqual(['nothing', 'training', 'training']);
  });
});

interface Trained {
  readonly model: Model;
  readonly plan: Plan;
  /** Layers of the opened model that are there after each step. */
  readonly layers: number[][];
}

/** Trains for `steps` steps of 16 tokens, with or without LayerCHOP. */
async function trained(steps: number, given?: Record<string, unknown>): Promise<Trained> {
  const blueprint = llama.family.blueprint(CONFIG);
  const model = llama.family.model(blueprint);
  await model.load(randomCheckpoint(llama.family, CONFIG, 3));
  const events: TrainingEvent[] = [];
  const layers: number[][] = [];
  const embeddings: number[] = [];
  const plan = await train({
    model,
    options: trainOptions.parse({ steps, batchSize: 2, window: 8, lr: 1e-2, schedule: 'constant', warmupSteps: 0, evalEvery: 16 }),
    batch: (index) => ({ ids: Int32Array.from({ length: 16 }, (_, i) => (index * 16 + i * 7) % 30), batchSize: 2, window: 8 }),
    ...(given ? { pruner: { method: layerChop.method, options: layerChop.method.options.parse(given) } } : {}),
    evaluate: async ({ blueprint: { axes } }) => {
      embeddings.push(axes.layers);
      return {};
    },
    onEvent: (event) => events.push(event),
  });
  layers.push(embeddings);
  return { model, plan, layers };
}

describe('LayerCHOP in training', () => {
  test('layers leave one every gapTokens tokens, of those that go the one nearest the output first', async () => {
    // max-gap keeps 0, 2 and 5 of 6; 4, 3 and 1 go. A step has 16 tokens, a gap 40: after 0, 40 and 80 tokens.
    const { layers, plan, model } = await trained(7, { keep: 3, gapTokens: 40 });
    expect(layers[0]).toEqual([5, 5, 4, 4, 3, 3, 3]);
    expect([...plan.keeps]).toEqual([['layer', Int32Array.from(keptLayers({ configuration: 'max-gap', layers: 6, keep: 3 }))]]);
    expect(model.blueprint.axes.layers).toBe(3);
    // After the first removal alone, layer 4 is gone.
    const { plan: first } = await trained(1, { keep: 3, gapTokens: 40 });
    expect([...first.keeps]).toEqual([['layer', Int32Array.of(0, 1, 2, 3, 5)]]);
  });

  test('with a warm-up the uncut model trains first, and its moments are carried along', async () => {
    const whole = await trained(3);
    const { model, layers } = await trained(3, { keep: 3, warmupSteps: 3 });
    expect(layers[0]).toEqual([6, 6, 3]);
    const kept = keptLayers({ configuration: 'max-gap', layers: 6, keep: 3 });
    for (const name of model.names) {
      const before = name.replace(/layers\.(\d+)\./, (_, at: string) => `layers.${kept[Number(at)]}.`);
      const [now, then] = [model.entry(name), whole.model.entry(before)];
      expect([...now.value.dataSync()]).toEqual([...then.value.dataSync()]);
      expect([...now.slots.keys()]).toEqual(['m', 'v']);
      for (const [slot, value] of now.slots) expect([...value.dataSync()]).toEqual([...then.slots.get(slot)!.dataSync()]);
    }
  });

  test('a warm-up and a gap: the first layer leaves after the warm-up', async () => {
    const { layers } = await trained(6, { keep: 4, warmupSteps: 2, gapTokens: 32 });
    expect(layers[0]).toEqual([6, 5, 5, 4, 4, 4]);
  });
});
