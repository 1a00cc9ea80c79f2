import { type Axes, type Config, type Family, OpenTree, PlanError } from '@chop/core';
import { checkFamily, randomCheckpoint } from '@chop/core/testing';
import { startEngine } from '@chop/kernels';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { gemma3, gptNeox, gpt2, llama, olmo2, palmLike, phi3 } from '../src/index.js';

beforeAll(async () => void (await startEngine()));

/** Sizes small enough for laws that are tried many times. */
const grouped = {
  vocab_size: 23,
  hidden_size: 12,
  intermediate_size: 10,
  num_hidden_layers: 4,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  head_dim: 4,
};
const small = { vocab_size: 23, n_embd: 12, n_layer: 3, n_head: 3, n_inner: 10, n_positions: 16 };
const neox = { vocab_size: 23, hidden_size: 12, intermediate_size: 10, num_hidden_layers: 3, num_attention_heads: 3, rotary_pct: 0.5 };

const CONFIGS: Readonly<Record<string, { family: Family; config: Config }>> = {
  gpt2: { family: gpt2.family, config: small },
  'gpt2, untied': { family: gpt2.family, config: { ...small, tie_word_embeddings: false } },
  phi3: { family: phi3.family, config: { ...grouped, sliding_window: 3 } },
  'phi3, partly turned': { family: phi3.family, config: { ...grouped, partial_rotary_factor: 0.5, tie_word_embeddings: true } },
  olmo2: { family: olmo2.family, config: grouped },
  'olmo2, with biases': { family: olmo2.family, config: { ...grouped, attention_bias: true } },
  gemma3: { family: gemma3.family, config: { ...grouped, sliding_window: 3, sliding_window_pattern: 2 } },
  'gemma3, types told': {
    family: gemma3.family,
    config: { ...grouped, sliding_window: 3, layer_types: ['full_attention', 'sliding_attention', 'sliding_attention', 'full_attention'] },
  },
  'gpt-neox': { family: gptNeox.family, config: neox },
  'gpt-neox, sequential': { family: gptNeox.family, config: { ...neox, use_parallel_residual: false, attention_bias: false, tie_word_embeddings: true } },
  'palm-like': { family: palmLike.family, config: grouped },
  'palm-like, untied': { family: palmLike.family, config: { ...grouped, tie_word_embeddings: false } },
};

describe('the laws of plans', () => {
  test.each(Object.entries(CONFIGS))('hold for %s', async (_, { family, config }) => {
    for (let seed = 0; seed < 8; seed++) await checkFamily(family, config, seed);
  });
});

test.each(Object.entries(CONFIGS))('%s asks for the tree that it walks', async (_, { family, config }) => {
  const model = family.model(family.blueprint(config));
  await model.load(randomCheckpoint(family, config));
  const tree = new OpenTree([-1, 0, 0]);
  tf.tidy(() => void model.predict(tf.tensor2d([[1, 2, 3]], undefined, 'int32'), { tree }));
  expect(tree.understood).toBe(true);
  model.drop();
  tree.dispose();
});

test('a fused matrix loses the rows of a dropped head in each of its parts', () => {
  const rows = (family: Family, config: Config, axis: string, role: string): number[] => {
    const { axes, weights } = family.blueprint(config);
    const { dimensions } = [...weights.values()].find((weight) => weight.role === role && weight.at === 0)!;
    return Array.from(dimensions[0]!.positions(axes, 0, (each) => (each === axis ? [1] : undefined))!);
  };
  const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
  expect(rows(gpt2.family, small, 'head', 'qkv')).toEqual([...range(4, 4), ...range(16, 4), ...range(28, 4)]);
  expect(rows(gptNeox.family, neox, 'head', 'qkv')).toEqual(range(12, 12));
  expect(rows(phi3.family, grouped, 'kv', 'qkv')).toEqual([...range(12, 12), ...range(28, 4), ...range(36, 4)]);
  expect(rows(phi3.family, grouped, 'ffn', 'gateUp')).toEqual([1, 11]);
  expect(rows(palmLike.family, grouped, 'ffn', 'into')).toEqual([...range(0, 40), 41, 51]);
});

test.each([
  ['GPT-2 small', gpt2.family, { vocab_size: 50257, n_embd: 768, n_layer: 12, n_head: 12, n_positions: 1024 }, 124_439_808],
  [
    'Pythia 160M',
    gptNeox.family,
    { vocab_size: 50304, hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, num_attention_heads: 12 },
    162_322_944,
  ],
  [
    'Phi-3 mini',
    phi3.family,
    { vocab_size: 32064, hidden_size: 3072, intermediate_size: 8192, num_hidden_layers: 32, num_attention_heads: 32, num_key_value_heads: 32 },
    3_821_079_552,
  ],
  [
    'Gemma 3 1B',
    gemma3.family,
    {
      vocab_size: 262144,
      hidden_size: 1152,
      intermediate_size: 6912,
      num_hidden_layers: 26,
      num_attention_heads: 4,
      num_key_value_heads: 1,
      head_dim: 256,
      sliding_window: 512,
    },
    999_885_952,
  ],
  [
    'OLMo 2 1B',
    olmo2.family,
    { vocab_size: 100352, hidden_size: 2048, intermediate_size: 8192, num_hidden_layers: 16, num_attention_heads: 16, num_key_value_heads: 16 },
    1_484_916_736,
  ],
])('the parameters of %s are counted from its config alone', (_, family, config, parameters) => {
  expect(family.blueprint(config).parameters).toBe(parameters);
});

test.each([
  ['llama', llama.family],
  ['phi3', phi3.family],
  ['olmo2', olmo2.family],
  ['gemma3', gemma3.family],
  ['palm-like', palmLike.family],
])('layers of %s that differ stand in per_layer_config, are read from it, and say no more when they are alike again', (_, family) => {
  const before = family.blueprint(grouped);
  const uneven = before.keep('ffn', 0, [0, 2]).keep('kv', 1, [1]);
  const { ffn, kv, heads } = {
    ffn: before.axes.size('ffn', 1),
    kv: before.axes.size('kv', 0),
    heads: before.axes.size('kv', 0) * before.axes.size('group', 0),
  };
  expect(uneven.config).toMatchObject({
    intermediate_size: ffn,
    num_key_value_heads: kv,
    num_attention_heads: heads,
    per_layer_config: { 0: { intermediate_size: 2 }, 1: { num_key_value_heads: 1, num_attention_heads: heads / kv } },
  });
  const stored = JSON.parse(JSON.stringify(uneven.config)) as Config; // numbers of layers are texts there
  expect(family.blueprint(stored).axes.equals(uneven.axes)).toBe(true);
  const cut = family.blueprint(stored).keep('layer', undefined, [1, 2]);
  expect(cut.config['per_layer_config']).toEqual({ 1: expect.anything() as unknown });
  const alike = family.blueprint(stored).keep('layer', undefined, [2]);
  expect(alike.config).not.toHaveProperty('per_layer_config');
  expect(alike.axes.common('ffn')).toBe(ffn);
});

test('an edit writes every size back into the config', () => {
  const cut = (family: Family, config: Config, axis: string): { config: Config; axes: Axes } => {
    const halved = family.blueprint(config).keep('layer', undefined, [1, 2]).keep(axis, 0, [0]).keep(axis, 1, [1]);
    halved.checkUniform();
    expect(family.blueprint(halved.config).axes.equals(halved.axes)).toBe(true);
    return halved;
  };
  expect(cut(gpt2.family, small, 'head').config).toMatchObject({ n_layer: 2, n_head: 1, head_dim: 4, n_embd: 12 });
  expect(cut(gptNeox.family, neox, 'head').config).toMatchObject({ num_hidden_layers: 2, num_attention_heads: 1, head_dim: 4 });
  expect(cut(phi3.family, grouped, 'kv').config).toMatchObject({ num_key_value_heads: 1, num_attention_heads: 3 });
  expect(cut(gemma3.family, CONFIGS['gemma3']!.config, 'ffn').config).toMatchObject({
    intermediate_size: 1,
    layer_types: ['full_attention', 'sliding_attention'],
  });
});

test.each([
  ['GPT-2 with scores scaled by layer', gpt2.family, { ...small, scale_attn_by_inverse_layer_idx: true }, /scaled by layer/],
  ['GPT-2 with another activation', gpt2.family, { ...small, activation_function: 'relu' }, /relu/],
  ['GPT-2 whose heads do not divide its width', gpt2.family, { ...small, n_head: 5 }, /n_embd 12 for 5 heads/],
  [
    'Phi-3 with too few factors',
    phi3.family,
    { ...grouped, rope_scaling: { type: 'longrope', short_factor: [1], long_factor: [] } },
    /longrope with [01] numbers of/,
  ],
  ['Gemma with capped logits', gemma3.family, { ...grouped, final_logit_softcapping: 30 }, /capped/],
  ['GPT-NeoX without a width', gptNeox.family, { ...neox, hidden_size: undefined }, /hidden_size/],
])('%s is refused', (_, family, config, message) => {
  expect(() => family.blueprint(config)).toThrow(message);
});

test('heads cannot be made smaller in any of them', () => {
  for (const { family, config } of Object.values(CONFIGS)) expect(() => family.blueprint(config).keep('inner', 0, [0, 1])).toThrow(PlanError);
});
