import { Pass, Random } from '@chop/core';
import { checkFamily, randomCheckpoint } from '@chop/core/testing';
import { startEngine } from '@chop/kernels';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { llama } from './llama.js';

beforeAll(async () => void (await startEngine()));

/** A Llama small enough for laws that are tried many times. */
export const small = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 23,
  hidden_size: 12,
  intermediate_size: 10,
  num_hidden_layers: 4,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  head_dim: 4,
  hidden_act: 'silu',
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
  max_position_embeddings: 64,
};

describe('the laws of plans', () => {
  const configs = {
    llama: small,
    'llama, untied': { ...small, tie_word_embeddings: false },
    qwen2: { ...small, architectures: ['Qwen2ForCausalLM'], model_type: 'qwen2' },
    qwen3: {
      ...small,
      architectures: ['Qwen3ForCausalLM'],
      model_type: 'qwen3',
      layer_types: ['full_attention', 'sliding_attention', 'full_attention', 'full_attention'],
      sliding_window: 3,
      use_sliding_window: true,
    },
    'mistral, sliding': { ...small, architectures: ['MistralForCausalLM'], model_type: 'mistral', sliding_window: 4 },
  };
  test.each(Object.entries(configs))('hold for %s', async (_, config) => {
    for (let seed = 0; seed < 20; seed++) await checkFamily(llama.family, config, seed);
  });
});

test('a pass and whoever hears it turn by the same tables, made once and freed with the pass', async () => {
  const model = llama.family.model(llama.family.blueprint(small));
  await model.load(randomCheckpoint(llama.family, small));
  const hidden = tf.randomNormal<tf.Rank.R3>([2, 5, small.hidden_size]);
  const before = tf.memory().numTensors;
  let made = 0;
  const heard: string[] = [];
  const pass = new Pass(model, { onShared: () => (made += 1) });
  const listening = pass.heardBy((name) => heard.push(name));
  const values = [listening, pass, listening].map((each) => tf.tidy(() => [...model.layer(each, 1, hidden).dataSync()]));
  const once = made;
  tf.tidy(() => void model.layer(pass, 2, hidden));
  expect(made).toBe(once);
  expect(values[1]).toEqual(values[0]);
  expect(heard.filter((name) => name === 'layers.1.q.input')).toHaveLength(2);
  pass.close();
  expect(tf.memory().numTensors).toBe(before);
  const alone = new Pass(model, { onShared: () => (made += 1) });
  tf.tidy(() => void model.layer(alone, 1, hidden));
  expect(made).toBe(2 * once);
  alone.close();
  hidden.dispose();
  model.drop();
});

test('the parameters of SmolLM2-135M are counted from its config alone', () => {
  const config = {
    ...small,
    vocab_size: 49152,
    hidden_size: 576,
    intermediate_size: 1536,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    head_dim: 64,
  };
  expect(llama.family.blueprint(config).parameters).toBe(134_515_008);
});

test('an edit writes every size back into the config, and cuts per-layer lists along', () => {
  const config = { ...small, layer_types: ['full_attention', 'sliding_attention', 'full_attention', 'sliding_attention'] };
  const cut = llama.family
    .blueprint(config)
    .keep('layer', undefined, [1, 3])
    .keep('ffn', 0, [0, 2, 4])
    .keep('ffn', 1, [1, 2, 3])
    .keep('width', undefined, [0, 5, 6, 7]);
  expect(cut.config).toMatchObject({
    num_hidden_layers: 2,
    intermediate_size: 3,
    hidden_size: 4,
    head_dim: 4,
    layer_types: ['sliding_attention', 'sliding_attention'],
  });
  expect(cut.config).not.toHaveProperty('per_layer_config');
  expect(() => llama.family.blueprint({ ...small, per_layer_config: { 0: { head_dim: 2 } } })).toThrow(/per_layer_config\.0 with head_dim/);
});

test.each([
  ['an unknown activation', { ...small, hidden_act: 'relu' }, /relu/],
  ['a missing size', { ...small, hidden_size: undefined }, /hidden_size/],
  ['a billion layers', { ...small, num_hidden_layers: 1e9 }, /<=1024/],
  ['heads that do not divide', { ...small, num_key_value_heads: 4 }, /6 query heads and 4/],
  ['a rotary scaling that is not known', { ...small, rope_scaling: { rope_type: 'dynamic', factor: 2 } }, /dynamic, expected default, linear, llama3, yarn/],
  [
    'yarn without a context',
    { ...small, max_position_embeddings: undefined, rope_scaling: { rope_type: 'yarn', factor: 2 } },
    /yarn without original_max_position_embeddings/,
  ],
])('%s in the config is refused', (_, config, message) => {
  expect(() => llama.family.blueprint(config)).toThrow(message);
});

test('heads cannot be made smaller: the reason is given', () => {
  expect(() => llama.family.blueprint(small).keep('inner', 0, [0, 1])).toThrow(/rotary/);
});

test('a random checkpoint has the blueprint’s tensors', () => {
  const names = [...randomCheckpoint(llama.family, small, Random.of(1).integer(9)).tensors.keys()];
  expect(names).toEqual([...llama.family.blueprint(small).weights.keys()]);
});
