import { randomCheckpoint } from '@chop/core/testing';
import { startEngine } from '@chop/kernels';
import { llama } from '@chop/models';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { perplexity, TOKENS_IN_FLIGHT } from './perplexity.js';

beforeAll(async () => void (await startEngine()));

const config = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 29,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  rms_norm_eps: 1e-5,
};
const checkpoint = randomCheckpoint(llama.family, config);
const { method } = perplexity;
const text = async (): Promise<Int32Array> => Int32Array.from({ length: 3 * TOKENS_IN_FLIGHT }, (_, i) => (i * 7 + (i % 13)) % 29);

test.each([
  ['windows beside each other', { window: 16, windows: 5 }],
  ['windows that overlap', { window: 16, stride: 5, windows: 4 }],
  ['more windows than go through a layer together', { window: TOKENS_IN_FLIGHT / 8, windows: 9 }],
])('layer by layer it is the same number to the last bit: %s', async (_, given) => {
  const options = method.options.parse(given);
  const whole = llama.family.model(llama.family.blueprint(config));
  await whole.load(checkpoint);
  const expected = await method.evaluate(whole, options, { text });
  whole.drop();
  const before = tf.memory().numTensors;
  const model = llama.family.model(llama.family.blueprint(config));
  const most: number[] = [];
  const heard = { ...checkpoint, stream: (...place: Parameters<typeof checkpoint.stream>) => (most.push(model.names.length), checkpoint.stream(...place)) };
  expect(await method.evaluate(model, options, { text, layersFrom: heard })).toEqual(expected);
  expect(tf.memory().numTensors).toBe(before);
  // Never more than a layer's nine weights beside embedding, norm and output layer.
  expect(Math.max(...most)).toBeLessThan(12);
});

test('a token that the model has no embedding for is told before anything is computed', async () => {
  const model = llama.family.model(llama.family.blueprint(config));
  const options = method.options.parse({ window: 4 });
  for (const id of [29, -1])
    await expect(method.evaluate(model, options, { text: async () => Int32Array.of(1, 2, id, 3) })).rejects.toMatchObject({
      code: 'TOKEN_ID',
      exitCode: 2,
      message: expect.stringContaining(`found the token id ${id}, expected ids from 0 to 28`) as unknown,
    });
});
