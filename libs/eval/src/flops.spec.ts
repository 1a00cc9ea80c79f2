import { llama } from '@chop/models';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { walkFlops } from './flops.js';

const SMOLLM2 = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 49152,
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  tie_word_embeddings: true,
};
const blueprint = llama.family.blueprint(SMOLLM2);

// A layer's matrices: q 576 · 576, k and v 192 · 576 each, o 576 · 576, gate, up and down 1536 · 576 each: 3,538,944 multiply-adds a token, 30 times.
const MATRICES = 2 * 106_168_320;
// All parameters but the embeddings (49152 · 576) and the 61 norms: the same number by another way.
const OTHERWISE = 2 * (134_515_008 - 28_311_552 - 61 * 576);
const OUTPUT = 2 * 49152 * 576;
// Scores and mixing: twice 9 heads of 64, in 30 layers, for each token that one attends to.
const ATTENTION = 2 * 2 * 576 * 30;

test('SmolLM2 by hand: a prompt of 128 tokens, and the token after it', () => {
  expect(MATRICES).toBe(OTHERWISE);
  expect(walkFlops(blueprint, { batch: 1, tokens: 128 })).toBe(128 * MATRICES + ((128 * 129) / 2) * ATTENTION + OUTPUT);
  expect(walkFlops(blueprint, { batch: 1, before: 128, tokens: 1 })).toBe(MATRICES + 129 * ATTENTION + OUTPUT);
});

test('a prompt read in two parts costs what it costs in one, and one prediction more', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: 8 }), (first, second, batch) => {
      const [whole, one, other] = [
        { batch, tokens: first + second },
        { batch, tokens: first },
        { batch, before: first, tokens: second },
      ].map((walk) => walkFlops(blueprint, walk)) as [number, number, number];
      expect(one + other).toBe(whole + batch * OUTPUT);
    }),
  );
});

test('half the layers are half of all but the output', () => {
  const half = blueprint.keep(
    'layer',
    undefined,
    Array.from({ length: 15 }, (_, i) => 2 * i),
  );
  const walk = { batch: 3, tokens: 64 };
  expect(2 * (walkFlops(half, walk) - 3 * OUTPUT)).toBe(walkFlops(blueprint, walk) - 3 * OUTPUT);
});

test('heads and features that one layer loses are taken off in that layer', () => {
  const fewer = blueprint.keep('kv', 4, [0, 2]).keep(
    'ffn',
    7,
    Array.from({ length: 1000 }, (_, i) => i),
  );
  // Layer 4 loses a third of q, k, v, o and of attention; layer 7 loses 536 rows of three matrices.
  const lost = 2 * ((192 + 64 + 64 + 192) * 576 + 3 * 536 * 576) + 2 * 2 * 192 * 11;
  expect(walkFlops(blueprint, { batch: 1, before: 10, tokens: 1 }) - walkFlops(fewer, { batch: 1, before: 10, tokens: 1 })).toBe(lost);
});
