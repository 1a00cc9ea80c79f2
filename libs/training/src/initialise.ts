import { type Blueprint, elementCount, type Model, Random } from '@chop/core';

/** Standard deviation of fresh matrices, as Hugging Face's `initializer_range`. */
const RANGE = 0.02;

/** Gives every weight its value at the start of pretraining: matrices N(0, 0.02²), gains of norms 1, biases 0; a stream of random numbers per weight. */
export function initialise(model: Model, blueprint: Blueprint, seed: number): void {
  const range = Number(blueprint.config['initializer_range'] ?? RANGE);
  for (const { name, shape, role } of blueprint.weights.values()) {
    const random = Random.of(seed, 'initialise', name);
    const vector = role.endsWith('Bias') ? 0 : 1;
    model.put(
      name,
      Float32Array.from({ length: elementCount(shape) }, () => (shape.length === 1 ? vector : range * random.normal())),
    );
  }
}
