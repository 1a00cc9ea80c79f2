import { startEngine } from '@chop/kernels';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { batchOf, stateOf, tinyModel } from '../test/tiny.js';
import { backward, type BackwardOptions } from './gradients.js';
import { trainOptions } from './options.js';
import { train } from './trainer.js';

beforeAll(async () => void (await startEngine()));
afterEach(() => tf.disposeVariables());

const STEPS = 24;

async function run(precision: 'f32' | 'bf16') {
  const model = await tinyModel();
  const [losses, scores]: [number[], number[]] = [[], []];
  await train({
    model,
    options: trainOptions.parse({ steps: STEPS, batchSize: 4, window: 8, lr: 1e-2, warmupSteps: 2, evalEvery: 4 * 8 * STEPS, precision }),
    batch: () => batchOf(4)(0),
    evaluate: async (live) => {
      const { ids, batchSize, window } = batchOf(4)(0);
      const input = tf.tensor2d(ids, [batchSize, window], 'int32');
      const { gradients, terms } = await backward(live, { ids: input });
      tf.dispose([input, ...gradients.values()]);
      return { loss: terms['lm']! };
    },
    onEvent: (event) => {
      if (event.type === 'step') losses.push(event.loss);
      if (event.type === 'evaluation') scores.push(event.scores['loss'] as number);
    },
  });
  return { losses, scores, state: stateOf(model) };
}

test('training with bfloat16 products loses what float32 loses, within 2 %', async () => {
  const [f32, bf16] = [await run('f32'), await run('bf16')];
  expect(f32.losses.at(-1)!).toBeLessThan(0.7 * f32.losses[0]!);
  f32.losses.forEach((loss, i) => expect(Math.abs(bf16.losses[i]! / loss - 1)).toBeLessThan(0.02));
  expect(bf16.losses).not.toEqual(f32.losses);
  // The weights are float32: nearly all of them have digits that bfloat16 has not.
  const values = Object.entries(bf16.state).flatMap(([name, numbers]) => (name.endsWith('_proj.weight value') ? numbers : []));
  const fine = values.filter((value) => new Uint32Array(new Float32Array([value]).buffer)[0]! & 0xffff);
  expect(fine.length / values.length).toBeGreaterThan(0.9);
});

test('layers that are computed again multiply in the precision of the step: the same gradients to the bit', async () => {
  const model = await tinyModel();
  const { ids, batchSize, window } = batchOf(4)(0);
  const input = tf.tensor2d(ids, [batchSize, window], 'int32');
  const numbers = async (options: BackwardOptions) => {
    const { gradients, terms } = await backward(model, { ids: input }, options);
    const all = [terms['lm']!, ...[...gradients.values()].flatMap((gradient) => [...gradient.dataSync()])];
    tf.dispose([...gradients.values()]);
    return all;
  };
  const [once, again, f32] = [await numbers({ precision: 'bf16' }), await numbers({ precision: 'bf16', checkpointBlocks: true }), await numbers({})];
  expect(again).toEqual(once);
  expect(f32).not.toEqual(once);
  // And the scope has ended.
  expect(await numbers({})).toEqual(f32);
  input.dispose();
});
