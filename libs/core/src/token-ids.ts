import { DataError } from './error.js';
import type { Model } from './model.js';

/**
 * Asks whether the model has an embedding for every id, before ids go to the engine: native TensorFlow fails on others with a message of its own, `wasm` and
 * `cpu` read what stands elsewhere.
 *
 * @throws {@link DataError} `TOKEN_ID`
 */
export function checkTokenIds(model: Model, ids: ArrayLike<number>): void {
  const vocab = model.blueprint.axes.size('vocab');
  for (let at = 0; at < ids.length; at++) {
    const id = ids[at]!;
    if (Number.isInteger(id) && id >= 0 && id < vocab) continue;
    throw new DataError('TOKEN_ID', {
      found: `the token id ${id}`,
      expected: `ids from 0 to ${vocab - 1}: the model has ${vocab} embeddings`,
      remedy: 'Model and tokenizer are of different models: fetch both from the same place again.',
    });
  }
}
