import type { Checkpoint } from './checkpoint.js';
import type { Model } from './model.js';

/**
 * Brings the layers of a model into memory one after the other: while one is visited, no other is there. What stands outside the layers (embedding, output
 * layer, last norm) is there all the time, and stays until the model is dropped.
 *
 * @param model - with no weight in memory.
 */
export async function* visitLayers(model: Model, checkpoint: Checkpoint, signal?: AbortSignal): AsyncGenerator<number> {
  const of =
    (at: number | undefined) =>
    (name: string): boolean =>
      model.blueprint.weight(name).at === at;
  await model.load(checkpoint, of(undefined), signal);
  for (let at = 0; at < model.blueprint.axes.layers; at++) {
    await model.load(checkpoint, of(at), signal);
    yield at;
    model.drop(of(at));
  }
}
