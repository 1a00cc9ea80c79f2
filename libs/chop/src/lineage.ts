import { applyToModel, type Checkpoint, Mask, type Model, Plan, sourceOf } from '@chop/core';

/** The companion file in which a written model tells where it comes from. */
export const LINEAGE_FILE = 'chop.json';

/** How a model came to be, and which of its weights are masked: their zeros stay zero in later training. */
export interface Lineage {
  readonly format: 'chop-lineage';
  readonly version: 1;
  /** The model that the first step was made from, and its size. */
  readonly base: string;
  readonly parametersBefore: number;
  /** What was done, a sentence each. */
  readonly made: readonly string[];
  readonly masked: readonly string[];
}

/** What a checkpoint tells of itself; a model that chop did not write is its own base. */
export async function lineageOf(checkpoint: Checkpoint, parameters: number): Promise<Lineage> {
  const bytes = await checkpoint.companions.get(LINEAGE_FILE)?.();
  const told = bytes && (JSON.parse(new TextDecoder().decode(bytes)) as Partial<Lineage>);
  const isLineage = told?.format === 'chop-lineage' && told.version === 1 && Array.isArray(told.made) && Array.isArray(told.masked);
  return isLineage ? (told as Lineage) : { format: 'chop-lineage', version: 1, base: checkpoint.source, parametersBefore: parameters, made: [], masked: [] };
}

/** The lineage after a plan. */
export function afterPlan(lineage: Lineage, plan: Plan, made: readonly string[]): Lineage {
  const masked = [...plan.after.weights.values()].filter(
    (weight) => plan.masks.has(weight.name) || (!plan.replacements.has(weight.name) && lineage.masked.includes(sourceOf(plan, weight).name)),
  );
  return { ...lineage, made: [...lineage.made, ...made], masked: masked.map(({ name }) => name) };
}

/** The lineage after training. */
export function afterTraining(lineage: Lineage, model: Model, made: readonly string[]): Lineage {
  return { ...lineage, made: [...lineage.made, ...made], masked: model.names.filter((name) => model.entry(name).mask) };
}

/** Freezes the zeros of masked weights of a model in memory. */
export async function holdZeros(model: Model, { masked }: Pick<Lineage, 'masked'>): Promise<void> {
  const masks = new Map<string, Mask>();
  for (const name of masked) if (model.has(name)) masks.set(name, Mask.from(model.blueprint.weight(name).shape, await model.value(name).data()));
  if (masks.size > 0) applyToModel(model, Plan.of(model.blueprint, { masks }));
}
