import { startEngine } from '@chop/kernels';
import { llama } from '@chop/models';
import { type Model, Random } from '@chop/core';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { planPasses, type TokenRequest } from './pass-plan.js';
import { scoreTokens } from './score.js';

const VOCABULARY = 96;
let model: Model;
let native: boolean;

beforeAll(async () => {
  native = (await startEngine()).native !== undefined;
  const blueprint = llama.family.blueprint({
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: VOCABULARY,
    hidden_size: 32,
    intermediate_size: 48,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: true,
  });
  model = llama.family.model(blueprint);
  for (const { name, shape } of blueprint.weights.values()) {
    const random = Random.of(3, name);
    const size = shape.reduce((product, one) => product * one, 1);
    model.put(
      name,
      Float32Array.from({ length: size }, () => (shape.length === 1 ? 1 : 0.4 * random.normal())),
    );
  }
});

/** The definition: one request by itself, its logits as a whole. */
function alone({ input, targets }: TokenRequest): { logLikelihood: number; greedy: boolean } {
  return tf.tidy(() => {
    const logits = tf.squeeze(model.forward(tf.tensor2d([[...input]], undefined, 'int32')), [0]) as tf.Tensor2D;
    const rows = tf.slice(tf.logSoftmax(logits), [input.length - targets.length, 0], [targets.length, VOCABULARY]).arraySync() as number[][];
    return {
      logLikelihood: rows.reduce((sum, row, at) => sum + row[targets[at]!]!, 0),
      greedy: rows.every((row, at) => row.indexOf(Math.max(...row)) === targets[at]),
    };
  });
}

/** Families of a context and some continuations of it; a few share more, or are the beginning of another. */
const families = fc.array(
  fc.record({
    context: fc.array(fc.nat(VOCABULARY - 1), { minLength: 1, maxLength: 40 }),
    continuations: fc.array(fc.array(fc.nat(VOCABULARY - 1), { minLength: 1, maxLength: 9 }), { minLength: 1, maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 7 },
);

const requestsOf = (given: { context: number[]; continuations: number[][] }[]): TokenRequest[] =>
  given.flatMap(({ context, continuations }) => continuations.map((targets) => ({ input: [...context, ...targets.slice(0, -1)], targets, greedy: true })));

describe('scores', () => {
  test('are those of each request by itself', async () => {
    await fc.assert(
      fc.asyncProperty(families, async (given) => {
        const requests = requestsOf(given);
        const scores = await scoreTokens(model, requests);
        requests.forEach((request, at) => {
          const { logLikelihood, greedy } = alone(request);
          expect(Math.abs(scores[at]!.logLikelihood - logLikelihood)).toBeLessThan(1e-3);
          expect(scores[at]!.greedy).toBe(greedy);
        });
      }),
      { numRuns: 12 },
    );
  });

  test('are the same to the last bit in every order, however many tokens go together, and with nothing beside them', async () => {
    expect(native).toBe(true);
    await fc.assert(
      fc.asyncProperty(families, fc.integer({ min: 1, max: 300 }), async (given, passTokens) => {
        const requests = requestsOf(given);
        const scores = await scoreTokens(model, requests);
        expect(await scoreTokens(model, requests, { passTokens })).toEqual(scores);
        expect((await scoreTokens(model, requests.toReversed())).toReversed()).toEqual(scores);
        for (const [at, request] of requests.slice(0, 3).entries()) expect(await scoreTokens(model, [request])).toEqual([scores[at]]);
      }),
      { numRuns: 12 },
    );
  });

  test('leave no tensor behind', async () => {
    const before = tf.memory().numTensors;
    await scoreTokens(model, requestsOf([{ context: [1, 2, 3, 4, 5, 6, 7, 8], continuations: [[9, 10], [11, 12, 13], [14]] }]));
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('passes', () => {
  const only = (given: { context: number[]; continuations: number[][] }[], passTokens?: number) => [...planPasses(requestsOf(given), passTokens)];

  test('read one-token continuations off one text', () => {
    const [pass, ...others] = only([{ context: [1, 2, 3, 4, 5, 6], continuations: [[7], [8], [9]] }]);
    expect(others).toEqual([]);
    expect(pass!.ids).toEqual([1, 2, 3, 4, 5, 6]);
    expect(pass!.readings).toEqual([0, 1, 2].map((request) => ({ request, at: [5] })));
  });

  test('compute what texts begin with once: among the choices of an example, and among examples', () => {
    const [pass] = only([
      { context: [1, 2, 3], continuations: [[5, 6, 7], [4, 8]] }, // prettier-ignore
      { context: [1, 2, 9], continuations: [[4]] },
    ]);
    expect(pass!.ids).toEqual([1, 2, 3, 4, 5, 6, 9]);
    expect(pass!.parents).toEqual([-1, 0, 1, 2, 2, 4, 1]);
    expect(pass!.readings).toEqual([
      { request: 1, at: [2, 3] },
      { request: 0, at: [2, 4, 5] },
      { request: 2, at: [6] },
    ]);
  });

  test('are no longer than asked for, as long as a text is not', () => {
    const given = [1, 2, 3, 4, 5].map((first) => ({ context: [first, 7, 7], continuations: [[8, 8, 8]] }));
    expect(only(given, 10).map(({ ids }) => ids.length)).toEqual([10, 10, 5]);
    expect(only(given, 3)).toHaveLength(5);
  });
});
