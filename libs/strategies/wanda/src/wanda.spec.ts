import { applyToModel, drive, MethodSession, type Model, type Plan, Random, type SessionParts, windowsTogether } from '@chop/core';
import { checkPruner, randomCheckpoint } from '@chop/core/testing';
import { inputNorms, packBits, startEngine, withFloatChains, withPackedWeights, zeroDropped } from '@chop/kernels';
import { llama } from '@chop/models';
import { train, trainOptions } from '@chop/training';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { wanda } from './wanda.js';

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 30,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  tie_word_embeddings: true,
};
const LINEARS = 14;

beforeAll(async () => void (await startEngine()));
afterEach(() => tf.disposeVariables());

const planned = (pattern: string) => checkPruner(wanda.method, { family: llama.family, config: CONFIG, options: wanda.method.options.parse({ pattern }) });

describe('Wanda', () => {
  test.each([
    ['2:4', 2, 4],
    ['1:4', 1, 4],
    ['3:4', 3, 4],
  ])('%s keeps %i of every %i weights along the inputs of every matrix of the blocks', async (pattern, n, m) => {
    const { masks } = await planned(pattern);
    expect(masks.size).toBe(LINEARS);
    for (const mask of masks.values()) {
      const kept = mask.unpack();
      const groups = Array.from({ length: kept.length / m }, (_, group) => kept.subarray(group * m, (group + 1) * m).reduce((sum, bit) => sum + bit, 0));
      expect(new Set(groups)).toEqual(new Set([n]));
    }
  });

  test('50% drops half of each output row, not of each group', async () => {
    const { masks } = await planned('50%');
    const rows = [...masks.values()].flatMap((mask) => {
      const [out, inputs] = mask.shape as [number, number];
      return Array.from(
        { length: out },
        (_, row) =>
          mask
            .unpack()
            .subarray(row * inputs, (row + 1) * inputs)
            .reduce((sum, bit) => sum + bit, 0) / inputs,
      );
    });
    expect(new Set(rows)).toEqual(new Set([0.5]));
  });

  test.each(['4:2', '0:4', '2:2', '0%', '100%', 'half'])('the pattern %s is refused', (pattern) =>
    expect(wanda.method.options.safeParse({ pattern }).success).toBe(false),
  );

  test('a pruned block that is run again packed gives the next one the same input: the same masks', async () => {
    const run = async (parts: Partial<SessionParts>): Promise<Plan> => {
      const model = llama.family.model(llama.family.blueprint(CONFIG));
      await model.load(randomCheckpoint(llama.family, CONFIG));
      const text = async () => [Int32Array.from({ length: 9 }, (_, i) => (i * 7) % 30)];
      const session = new MethodSession({ model, text, random: () => Random.of(0), ...parts });
      return drive(wanda.method.plan(session, wanda.method.options.parse({ pattern: '2:4' })), session);
    };
    const again: number[] = [];
    const packed = await run({
      withMasked: (weights, work) => {
        again.push(weights.length);
        return withPackedWeights(weights, work);
      },
    });
    expect(again).toEqual([LINEARS / 2]); // nothing reads the last block's output
    expect([...packed.masks]).toEqual([...(await run({})).masks]);
    const alike: (readonly number[])[] = [];
    const zeroed: boolean[] = [];
    const bits: boolean[] = [];
    const engine = await run({
      everywhereAlike: (work, weights) => {
        alike.push(...weights.map(({ shape }) => shape));
        return withFloatChains(work, weights);
      },
      zeroDropped: (weight, kept) => {
        zeroed.push(kept.dtype === 'bool');
        zeroDropped(weight, kept);
      },
      packBits: (kept) => {
        bits.push(kept.dtype === 'bool');
        return packBits(kept);
      },
    });
    expect(alike).toEqual([[8, CONFIG.intermediate_size]]); // the down projection of the block that is run again
    expect(zeroed).toEqual(Array.from({ length: LINEARS }, () => true));
    expect(bits).toEqual(zeroed);
    expect([...engine.masks]).toEqual([...packed.masks]);
  });

  test('every window counts once, however many of them go through a layer together', async () => {
    const windows = Array.from({ length: 8 }, (_, row) => Int32Array.from({ length: 600 }, (_, i) => (row * 11 + i * i) % 30));
    expect(windowsTogether(600)).toBe(6); // six, then two
    const model = llama.family.model(llama.family.blueprint(CONFIG));
    await model.load(randomCheckpoint(llama.family, CONFIG));
    const squares = new Float64Array(8);
    const onTap = (name: string, value: tf.Tensor): void => {
      if (name === 'layers.1.q.input') value.dataSync().forEach((x, i) => (squares[i % 8]! += x * x));
    };
    for (const ids of windows) tf.tidy(() => void model.forward(tf.tensor2d(ids, [1, 600], 'int32'), { onTap }));
    const session = new MethodSession({ model, text: async () => windows, random: () => Random.of(0) });
    const heard: number[] = [];
    async function* listen(): AsyncGenerator<never> {
      for await (const { at, linears, of } of session.sweep(inputNorms)) if (at === 1) heard.push(...of(inputNorms, linears[0]!).dataSync());
    }
    await drive(listen(), session);
    heard.forEach((norm, i) => expect(norm / Math.sqrt(squares[i]! / 4800)).toBeCloseTo(1, 5));
    expect(heard).toHaveLength(8);
  });

  test('a calibration token that the model has no embedding for is told before anything is computed', async () => {
    const model = llama.family.model(llama.family.blueprint(CONFIG));
    const text = async (): Promise<Int32Array[]> => [Int32Array.of(0, 1, 2), Int32Array.of(3, 30, 4)];
    const session = new MethodSession({ model, text, random: () => Random.of(0) });
    await expect(drive(wanda.method.plan(session, wanda.method.options.parse({})), session)).rejects.toMatchObject({
      code: 'TOKEN_ID',
      facts: { found: 'the token id 30' },
    });
  });

  test('masked weights are zero after steps of training, the others have moved', async () => {
    const plan = await planned('2:4');
    const model: Model = llama.family.model(plan.before);
    await model.load(randomCheckpoint(llama.family, CONFIG));
    applyToModel(model, plan);
    const before = new Map(model.names.map((name) => [name, model.value(name).dataSync().slice()]));
    await train({
      model,
      options: trainOptions.parse({ steps: 20, batchSize: 2, window: 8, lr: 1e-2, warmupSteps: 0 }),
      batch: (index) => ({ ids: Int32Array.from({ length: 16 }, (_, i) => (index * 16 + i * 7) % 30), batchSize: 2, window: 8 }),
    });
    for (const [name, mask] of plan.masks) {
      const values = model.value(name).dataSync();
      const kept = mask.unpack();
      expect(values.filter((_, i) => kept[i] === 0).every((value) => value === 0)).toBe(true);
      expect(values.filter((value, i) => kept[i] === 1 && value !== before.get(name)![i]).length).toBe(mask.kept);
    }
  });
});
