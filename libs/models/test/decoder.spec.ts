import { randomCheckpoint } from '@chop/core/testing';
import { type Decoder, decoder, holdPacked, keepNofM, keyValueCache, magnitude, startEngine, withFloatChains } from '@chop/kernels';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { familyNamed } from './stored.js';

let native = false;
beforeAll(async () => {
  native = (await startEngine()).native !== undefined;
});

const small = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 23,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 4,
  tie_word_embeddings: true,
  max_position_embeddings: 512,
};
const grouped = { ...small, num_hidden_layers: 2 };
const gpt2 = { architectures: ['GPT2LMHeadModel'], vocab_size: 23, n_embd: 16, n_layer: 2, n_head: 4, n_positions: 256 };
const neox = { ...grouped, architectures: ['GPTNeoXForCausalLM'], rotary_pct: 0.5 };
const CONFIGS = {
  llama: small,
  'llama, untied, with biases': { ...small, tie_word_embeddings: false, attention_bias: true, mlp_bias: true },
  qwen3: { ...small, architectures: ['Qwen3ForCausalLM'], model_type: 'qwen3' },
  'mistral, sliding': { ...small, architectures: ['MistralForCausalLM'], model_type: 'mistral', sliding_window: 6 },
  gpt2,
  phi3: { ...grouped, architectures: ['Phi3ForCausalLM'], sliding_window: 6, partial_rotary_factor: 0.5 },
  olmo2: { ...grouped, architectures: ['Olmo2ForCausalLM'], attention_bias: true },
  gemma3: { ...grouped, architectures: ['Gemma3ForCausalLM'], sliding_window: 6, sliding_window_pattern: 2 },
  'gpt-neox': neox,
  'gpt-neox, sequential': { ...neox, use_parallel_residual: false },
  'palm-like': { ...grouped, architectures: ['PalmLikeForCausalLM'] },
};

async function load(config: { readonly architectures: readonly string[] }, seed = 1) {
  const family = familyNamed(config);
  const model = family.model(family.blueprint(config));
  await model.load(randomCheckpoint(family, config, seed));
  return model;
}
type Loaded = Awaited<ReturnType<typeof load>>;

/** Logits after each of the texts that a reader is given one after the other. */
const read = (reader: Decoder, pieces: readonly number[][]): number[][] => pieces.map((ids) => Array.from(tf.tidy(() => reader.read(ids).dataSync())));

/** One token a row is read by chains of floats. */
const asDecoders = <T>(tokens: number, run: () => T): T => (tokens === 1 ? withFloatChains(run) : run());

/** The same without recording: a plain cache. */
function plain(model: Loaded, rows: number, pieces: readonly number[][]): number[][] {
  const cache = keyValueCache();
  const logits = pieces.map((ids) => {
    const tokens = ids.length / rows;
    const wanted = { from: tokens - 1, to: tokens };
    return asDecoders(tokens, () => Array.from(tf.tidy(() => model.forward(tf.tensor2d(ids, [rows, tokens], 'int32'), { cache, wanted }).dataSync())));
  });
  cache.dispose();
  return logits;
}

/** A prompt, enough single tokens to make the cache grow twice, more at once, and single ones again. */
const pieces = (rows: number): number[][] => {
  const token = (i: number): number[] => Array.from({ length: rows }, (_, row) => (7 * i + 3 * row) % 23);
  const many = (count: number): number[] => Array.from({ length: rows * count }, (_, i) => (5 * i) % 23);
  return [many(5), ...Array.from({ length: 150 }, (_, i) => token(i)), many(3), ...Array.from({ length: 9 }, (_, i) => token(i))];
};

/** Every linear weight made 2:4 by magnitude, where its inputs are whole groups. */
function sparsify(model: Loaded): void {
  for (const { name, linear, shape } of model.blueprint.weights.values()) {
    if (!linear || shape[1]! % 4 !== 0) continue;
    const weight = model.value(name);
    tf.tidy(() => weight.assign(tf.where(keepNofM(magnitude(weight), 2, 4), weight, tf.zerosLike(weight))));
  }
}

describe.each(Object.entries(CONFIGS))('%s', (_, config) => {
  test('a 2:4 model held packed gives to the last bit what it gave, from less memory, and leaves nothing behind', async () => {
    const empty = tf.memory().numTensors;
    const model = await load(config);
    sparsify(model);
    const { numBytes } = tf.memory();
    const whole = plain(model, 1, pieces(1));
    const release = holdPacked(model.linears);
    if (native) expect(tf.memory().numBytes).toBeLessThan(numBytes);
    const reader = decoder(model, 1);
    expect(read(reader, pieces(1))).toEqual(whole);
    reader.dispose();
    release();
    model.drop();
    expect(tf.memory().numTensors).toBe(empty);
  });

  test.each([1, 3])('gives to the last bit what a plain cache gives, through every growth of it, for %d texts', async (rows) => {
    const model = await load(config);
    const before = tf.memory().numTensors;
    const reader = decoder(model, rows);
    expect(read(reader, pieces(rows))).toEqual(plain(model, rows, pieces(rows)));
    expect(reader.length).toBe(5 + 150 + 3 + 9);
    reader.dispose();
    expect(tf.memory().numTensors).toBe(before);
    model.drop();
  });
});

test('a text that becomes long for its model is read again: what follows is what the whole text gives', async () => {
  const longrope = { type: 'longrope', short_factor: [1, 2], long_factor: [3, 9] };
  const model = await load({ ...grouped, architectures: ['Phi3ForCausalLM'], rope_scaling: longrope, original_max_position_embeddings: 9 } as typeof grouped);
  const before = tf.memory().numTensors;
  const reader = decoder(model, 2);
  const rows: number[][] = [[], []];
  for (const tokens of [6, 1, 1, 1, 1, 1, 1, 3, 1]) {
    const fresh = rows.map((row, at) => Array.from({ length: tokens }, (_, i) => (7 * (row.length + i) + at) % 23));
    rows.forEach((row, at) => row.push(...fresh[at]!));
    const length = rows[0]!.length;
    const [found] = read(reader, [fresh.flat()]) as [number[]];
    const whole = tf.tidy(() => model.forward(tf.tensor2d(rows, [2, length], 'int32'), { wanted: { from: length - 1, to: length } }).dataSync());
    found.forEach((value, i) => expect(value).toBeCloseTo(whole[i]!, 4));
    expect(reader.length).toBe(length);
  }
  reader.dispose();
  expect(tf.memory().numTensors).toBe(before);
  model.drop();
});

test.each(Object.entries(CONFIGS))('from the second single token on the native engine is called once by %s', async (_, config) => {
  const model = await load(config);
  const reader = decoder(model);
  read(reader, [[1, 2, 3], [4]]);
  const called = jest.spyOn(tf.engine(), 'runKernel');
  read(reader, [[5]]);
  const rows = called.mock.calls.map(([name]) => name).filter((name) => name.startsWith('Chop') || name === 'BatchMatMul');
  expect(native ? rows : rows.length > 1).toEqual(native ? ['ChopReplay'] : true);
  called.mockRestore();
  reader.dispose();
  model.drop();
});

test('a weight that changes between two tokens counts from the next one on', async () => {
  const [model, other] = [await load(small, 1), await load(small, 2)];
  const [name] = model.names.filter((each) => each.endsWith('1.mlp.up_proj.weight')) as [string];
  const [reader, twin, cache] = [decoder(model), decoder(model), keyValueCache()];
  const walked = (id: number): number[] =>
    asDecoders(1, () => Array.from(tf.tidy(() => model.forward(tf.tensor2d([id], [1, 1], 'int32'), { cache }).dataSync())));
  for (const id of [1, 2, 3]) expect(read(reader, [[id]])).toEqual([walked(id)]);
  const unchanged = read(twin, [[1], [2], [3], [4]])[3];
  tf.tidy(() => model.value(name).assign(tf.mul(other.value(name), 1)));
  for (const id of [4, 5]) {
    const [found] = read(reader, [[id]]);
    expect(found).toEqual(walked(id));
    expect(found).not.toEqual(unchanged);
  }
  for (const each of [reader, twin, cache]) each.dispose();
});
