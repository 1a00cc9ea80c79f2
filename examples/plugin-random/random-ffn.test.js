import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { checkOptions, UsageError } from '@chop/core';
import { checkPruner } from '@chop/core/testing';
import { startEngine } from '@chop/kernels';
import { llama } from '@chop/models';
import { randomFfn } from './random-ffn.js';

/** A Llama small enough for the engine `cpu`: 3 layers of 20 FFN channels. */
const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 50,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
};

const check = (given) => checkPruner(randomFfn.method, { family: llama.family, config, options: checkOptions(randomFfn.method.options, given, 'random-ffn') });

describe('random-ffn', () => {
  before(() => startEngine({ engine: 'cpu' }));

  test('holds the laws of a pruner and keeps the share that was asked for, in every layer', async () => {
    const plan = await check({ share: 0.25 });
    assert.deepEqual(
      [0, 1, 2].map((at) => plan.keeps.get(`layers.${at}.ffn`).length),
      [15, 15, 15],
    );
    // A channel is one row of gate, one of up and one column of down: 3 weights of 16; 5 channels of 3 layers go.
    assert.equal(plan.before.parameters - plan.after.parameters, 3 * 5 * (3 * 16));
  });

  test('drops half by default, other channels in one layer than in the next', async () => {
    const { keeps } = await check({});
    assert.equal(keeps.get('layers.0.ffn').length, 10);
    assert.notDeepEqual(keeps.get('layers.0.ffn'), keeps.get('layers.1.ffn'));
  });

  test('refuses a share of everything and an option that it does not have', () => {
    assert.throws(() => checkOptions(randomFfn.method.options, { share: 1 }, 'random-ffn'), { code: 'OPTION_VALUE' });
    assert.throws(
      () => checkOptions(randomFfn.method.options, { shares: 0.5 }, 'random-ffn'),
      (error) => error instanceof UsageError && error.code === 'OPTION_UNKNOWN' && error.message.includes('share'),
    );
  });
});
