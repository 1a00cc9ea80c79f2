import type { Config, Model } from '@chop/core';
import { randomCheckpoint } from '@chop/core/testing';
import { llama } from '@chop/models';
import { type HostBatch } from '../src/trainer.js';

/** A Llama of 4 layers that trains in milliseconds. */
export const TINY: Config = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 30,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 4,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  tie_word_embeddings: true,
};

export const family = llama.family;
export const tinyBlueprint = family.blueprint(TINY);

export async function tinyModel(): Promise<Model> {
  const model = family.model(tinyBlueprint);
  await model.load(randomCheckpoint(family, TINY, 1));
  return model;
}

/** The text of a step: rows of 8 tokens, another text for each row of each step. */
export function batchOf(batchSize: number): (index: number) => HostBatch {
  const window = 8;
  return (index) => ({
    ids: Int32Array.from({ length: batchSize * window }, (_, i) => ((index * batchSize * window + i) * 7 + (i % window) ** 2) % 30),
    batchSize,
    window,
  });
}

/** The same text as conversations: answers of 1, 1, 6 and 5 tokens, in rows that come round. */
export function answersOf(batchSize: number): (index: number) => HostBatch {
  const lengths = [1, 1, 6, 5];
  return (index) => {
    const batch = batchOf(batchSize)(index);
    const row = (i: number): number => index * batchSize + Math.floor(i / batch.window);
    // The last position of a row predicts nothing; before it come those that predict the answer.
    const counts = (i: number): boolean => (i % batch.window) + 1 < batch.window && (i % batch.window) + 1 >= batch.window - lengths[row(i) % lengths.length]!;
    return { ...batch, weights: Float32Array.from(batch.ids, (_, i) => (counts(i) ? 1 : 0)) };
  };
}

/** Everything that belongs to each weight, on the host. */
export function stateOf(model: Model): Record<string, number[]> {
  return Object.fromEntries(
    model.names.flatMap((name) => {
      const { value, mask, slots } = model.entry(name);
      const all = [['value', value] as const, ...(mask ? [['mask', mask.tensor] as const] : []), ...slots];
      return all.map(([kind, tensor]) => [`${name} ${kind}`, [...tensor.dataSync()]]);
    }),
  );
}
