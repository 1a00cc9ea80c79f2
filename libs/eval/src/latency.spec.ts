import { checkOptions, type Model } from '@chop/core';
import { randomCheckpoint } from '@chop/core/testing';
import { startEngine } from '@chop/kernels';
import { llama } from '@chop/models';
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { walkFlops } from './flops.js';
import { latency, latencyOf } from './latency.js';
import { compareLatency, speedUps } from './latency-comparison.js';
import { latencyOptions, type LatencySample, type LatencySamples, sampleLatency } from './latency-samples.js';

const TINY = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 19,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 40,
  tie_word_embeddings: true,
};

beforeAll(async () => void (await startEngine()));

async function load(config: typeof TINY): Promise<Model> {
  const model = llama.family.model(llama.family.blueprint(config));
  await model.load(randomCheckpoint(llama.family, config, 1));
  return model;
}

const options = (given: object): ReturnType<typeof latencyOptions.parse> => latencyOptions.parse({ tokens: 3, runs: 2, ...given });
const made = (prefill: number, first: number, ...steps: number[]): LatencySample => ({ prefill, first, steps, textBytes: 64 * prefill });

describe('two models in turns', () => {
  let base: Model;
  let half: Model;
  beforeEach(async () => void ([base, half] = await Promise.all([load(TINY), load({ ...TINY, num_hidden_layers: 1 })])));
  afterEach(() => [base, half].forEach((model) => model.drop()));

  test('they read prompt by prompt, A, B, A, B, with each context and batch', async () => {
    const read: string[] = [];
    for (const [name, model] of Object.entries({ base, half })) {
      const { forward } = model;
      jest.spyOn(model, 'forward').mockImplementation((ids, given) => {
        if (ids.shape[1]! > 1) read.push(`${name} ${ids.shape.join('×')}`);
        return forward.call(model, ids, given);
      });
    }
    await compareLatency({ base, half }, options({ batch: [1, 2], context: [4, 7] }));
    const turns = (shape: string): string[] => Array.from({ length: 3 }, () => [`base ${shape}`, `half ${shape}`]).flat();
    expect(read).toEqual(['1×4', '2×4', '1×7', '2×7'].flatMap(turns));
  });

  test('each has numbers of its own, the base no speed-up', async () => {
    const compared = await compareLatency({ base, half }, options({ context: [4, 7] }));
    expect(compared.base).toBe('base');
    expect(compared.results.base.weightBytes).toBe(4 * base.blueprint.parameters);
    expect(compared.results.half.weightBytes).toBe(4 * half.blueprint.parameters);
    expect(Object.keys(compared.speedUps)).toEqual(['half']);
    expect(compared.speedUps.half).toMatchObject([{ batch: 1, context: 4, query: { pairs: 2 } }, { context: 7 }]);
  });

  test('nothing is left in memory, done or interrupted', async () => {
    const before = tf.memory().numTensors;
    await sampleLatency([base, half], options({ context: 4 }), {});
    expect(tf.memory().numTensors).toBe(before);
    const stop = new AbortController();
    const stopped = sampleLatency([base, half], options({ context: 4 }), {
      signal: stop.signal,
      onProgress: (done, total) => void (done === 2 && total === 6 && stop.abort()),
    });
    await expect(stopped).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(tf.memory().numTensors).toBe(before);
  });

  test('keys and values of all texts are counted', async () => {
    const [[one, four]] = (await sampleLatency([base], options({ batch: [1, 4], context: 20 }), {})) as [[LatencySamples, LatencySamples]];
    // Keys and values of 23 tokens, one head of 4, 2 layers, in float32; with each text as many more.
    const kept = 2 * 2 * 23 * 4 * 4;
    expect(one.steady[0]!.textBytes).toBeGreaterThanOrEqual(kept);
    expect(four.steady[0]!.textBytes - one.steady[0]!.textBytes).toBeGreaterThanOrEqual(3 * kept);
  });

  test('a context that is too long for one of them is refused before anything runs', async () => {
    const short = await load({ ...TINY, max_position_embeddings: 9 });
    const forward = jest.spyOn(base, 'forward');
    await expect(compareLatency({ base, short }, options({ context: [4, 7] }))).rejects.toMatchObject({
      code: 'CONTEXT_LENGTH',
      facts: { expected: 'at most 9, the context of the model', remedy: 'Give a --context of at most 6.' },
    });
    expect(forward).not.toHaveBeenCalled();
    short.drop();
  });

  test('the evaluator tells of each setting, and first of the first', async () => {
    const result = await latency.method.evaluate(base, options({ batch: 2, context: [5, 6] }), {});
    expect(result.settings.map(({ batch, context }) => [batch, context])).toEqual([
      [2, 5],
      [2, 6],
    ]);
    expect(result.prefill).toBe(result.settings[0]!.prefill);
    expect(result.prefill.runs).toBe(2);
    expect(result.decode).toMatchObject({ runs: 4, warmup: { runs: 5 } });
    expect(result.prefill.flops).toBe(walkFlops(base.blueprint, { batch: 2, tokens: 5 }));
  });
});

test('times by hand: steady state, and what came before it', async () => {
  const model = await load(TINY);
  const steady = [made(30, 9, 1, 2), made(10, 8, 3, 4), made(20, 7, 5, 6)];
  const { prefill, decode, settings } = latencyOf(model, [{ batch: 2, context: 5, warmup: [made(90, 50, 40, 40)], steady }]);
  expect(prefill.milliseconds).toEqual({ p10: 12, median: 20, p90: 28, p99: expect.closeTo(29.8, 9) });
  expect(prefill).toMatchObject({ tokensPerSecond: 500, runs: 3, warmup: { milliseconds: 90, runs: 1 } });
  // 1 … 6 ms for two texts; before: 50, 40, 40 and the first tokens 9, 8, 7.
  expect(decode).toMatchObject({ milliseconds: { median: 3.5 }, tokensPerSecond: 2000 / 3.5, runs: 6, warmup: { milliseconds: 24.5, runs: 6 } });
  expect(settings[0]).toMatchObject({ query: { median: 38 }, textBytes: 64 * 30 });
  // Steps that attend to 5 + 1 + 1 and 5 + 2 + 1 tokens.
  const steps = [6, 7].map((before) => walkFlops(model.blueprint, { batch: 2, before, tokens: 1 }));
  expect(decode.flops).toBe((steps[0]! + steps[1]!) / 2);
  model.drop();
});

test('noise that hits both of a pair cancels', () => {
  const noise = [1, 5, 1, 3, 2];
  const of = (times: number): LatencySamples => ({
    batch: 1,
    context: 5,
    warmup: [made(times * 100, 100, 100, 100)],
    steady: noise.map((factor) => made(factor * 8 * times, factor * times, factor * times, factor * 4 * times)),
  });
  const twice = { p10: 2, median: 2, p90: 2, p99: 2, pairs: 5 };
  expect(speedUps([of(2)], [of(1)])).toEqual([{ batch: 1, context: 5, prefill: twice, decode: twice, query: twice }]);
});

test('a single size stands for a list of one; sizes below 1 are refused', () => {
  expect(checkOptions(latencyOptions, { batch: 4, context: [128, 512] }, 'latency')).toEqual({
    batch: [4],
    context: [128, 512],
    tokens: 32,
    runs: 5,
    warmup: 1,
  });
  expect(() => checkOptions(latencyOptions, { batch: [0] }, 'latency')).toThrow(expect.objectContaining({ code: 'OPTION_VALUE' }));
  expect(() => checkOptions(latencyOptions, { contexts: 4 }, 'latency')).toThrow(expect.objectContaining({ code: 'OPTION_UNKNOWN' }));
});
