import type { Model, Plan } from '@chop/core';
import type { SnapshotStore, TrainingEvent } from '@chop/training';
import { holdZeros } from './lineage.js';
import type { OpenModel } from './opened.js';

/** Where the best weights of a run are while it goes on. */
export interface BestWeights {
  readonly keepBest: (model: Model, plan: Plan, step: number) => Promise<unknown>;
  /** The model as it was after that step; `last` is what the run ended with, of the same shape. */
  readonly take: (step: number, last: Model) => Promise<Model>;
}

/** Among the run's snapshots, so that a resumed run finds them; of a run that leaves no files, in memory. */
export function bestWeightsIn(snapshots: SnapshotStore | undefined, { family, blueprint }: OpenModel): BestWeights {
  if (snapshots)
    return {
      keepBest: (model, plan, step) => snapshots.saveBest(model, plan, step),
      take: async (step) => (await snapshots.best(family, blueprint, step)).model,
    };
  const values = new Map<string, Float32Array>();
  return {
    keepBest: async (model) => {
      for (const name of model.names) values.set(name, Float32Array.from(await model.value(name).data()));
    },
    take: async (_, last) => {
      const model = family.model(last.blueprint);
      for (const [name, own] of values) model.put(name, own);
      await holdZeros(model, { masked: last.names.filter((name) => last.entry(name).mask) });
      return model;
    },
  };
}

/** The evaluation whose weights a run keeps, where it watches a score. */
export function bestEvaluation(events: readonly TrainingEvent[]): Extract<TrainingEvent, { type: 'evaluation' }> | undefined {
  return events.filter((event) => event.type === 'evaluation').findLast(({ best }) => best);
}
