import { applyToCheckpoint, Plan } from '@chop/core';
import { randomCheckpoint } from '@chop/core/testing';
import { dimChop } from '@chop/dim-chop';
import { layerChop } from '@chop/layer-chop';
import { llama, palmLike } from '@chop/models';
import { expect, test } from '@jest/globals';
import { checkLoaders, inWholeBlocks, loadersOf } from './loaders.js';

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 30,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  tie_word_embeddings: true,
};
const base = { family: llama.family, blueprint: llama.family.blueprint(CONFIG) };
const first = (count: number): number[] => Array.from({ length: count }, (_, at) => at);
const cut = (keeps: Record<string, number>): typeof base => ({
  family: llama.family,
  blueprint: Plan.of(base.blueprint, { keeps: new Map(Object.entries(keeps).map(([key, count]) => [key, first(count)])) }).after,
});
const taking = (model: Parameters<typeof loadersOf>[0]): string[] => loadersOf(model).flatMap(({ loader, loads }) => (loads ? [loader] : []));

test('a uniform llama is taken by all', () => {
  expect(taking(base)).toEqual(['transformers', 'llama.cpp', 'transformers.js', 'onnxruntime']);
  expect(loadersOf(base).every(({ note }) => note === undefined)).toBe(true);
});

test('layers of different FFN are not for transformers, those of different heads not for transformers.js either; llama.cpp has them for Llama alone', () => {
  const uneven = cut({ 'layers.0.ffn': 64 });
  expect(taking(uneven)).toEqual(['llama.cpp', 'transformers.js', 'onnxruntime']);
  expect(loadersOf(uneven)[0]!.why).toContain('different ffn');
  expect(taking(cut({ 'layers.1.kv': 1 }))).toEqual(['llama.cpp', 'onnxruntime']);
  const qwen = llama.family.blueprint({ ...CONFIG, architectures: ['Qwen2ForCausalLM'] }).keep('kv', 1, [0]);
  expect(loadersOf({ family: llama.family, blueprint: qwen })[1]).toMatchObject({
    loads: false,
    why: expect.stringContaining('different kv (1, 2)') as unknown,
  });
});

test('sizes that are no whole blocks are noted, families and features that a program does not know are refused', () => {
  expect(
    loadersOf(cut({ 'layers.0.ffn': 70, 'layers.1.ffn': 70 }))
      .filter(({ note }) => note?.includes('ffn'))
      .map(({ loader }) => loader),
  ).toEqual(['llama.cpp', 'transformers.js', 'onnxruntime']);
  const palm = { ...CONFIG, architectures: ['PalmLikeForCausalLM'] };
  expect(taking({ family: palmLike.family, blueprint: palmLike.family.blueprint(palm) })).toEqual(['onnxruntime']);
  const sliding = { ...CONFIG, architectures: ['MistralForCausalLM'], sliding_window: 4 };
  const mistral = { family: llama.family, blueprint: llama.family.blueprint(sliding) };
  expect(() => checkLoaders(mistral, ['transformers', 'llama.cpp'])).toThrow(expect.objectContaining({ code: 'LOADER_REFUSES', exitCode: 2 }));
  expect(() => checkLoaders(mistral, ['transformers', 'llama.cpp'])).toThrow(/sliding window.*llama\.cpp/);
  checkLoaders(mistral, ['transformers', 'onnxruntime']);
});

test('what is said of the shapes is so of a model that is cut to them', () => {
  const uneven = cut({ 'layers.0.ffn': 64 });
  const plan = Plan.of(base.blueprint, { keeps: new Map([['layers.0.ffn', first(64)]]) });
  const checkpoint = applyToCheckpoint(randomCheckpoint(llama.family, CONFIG, 1), plan);
  for (const { name, shape } of uneven.blueprint.weights.values()) expect(checkpoint.tensors.get(name)!.shape).toEqual(shape);
});

test('sizes that a method chooses are whole blocks of what it is for, unless somebody says otherwise', () => {
  expect(inWholeBlocks(dimChop({ shared: ['ffn'] }), ['transformers', 'llama.cpp']).options).toMatchObject({ multiple: 32, shared: ['ffn'] });
  expect(inWholeBlocks(dimChop({ multiple: 64 }), ['llama.cpp']).options).toMatchObject({ multiple: 64 });
  expect(inWholeBlocks(layerChop({ keep: 1 }), ['llama.cpp']).options).not.toHaveProperty('multiple');
});
