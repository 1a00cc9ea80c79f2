import { applyToCheckpoint, type Plan } from '@chop/core';
import { loadPlan, planDocument, type SavedPlan, savePlan } from '@chop/formats';
import { loadersOf } from './loaders.js';
import { type OpenModel, storedBytes } from './opened.js';
import type { PlanResult } from './verbs.js';

/** What a method would do to a model, and how it came to that. Made by `chop.plan`, read by `chop.readPlan`, carried out by `chop.apply`. */
export class MadePlan {
  /** The edits in normal form. */
  readonly edits: Plan;
  /** Strategy, options, seed and source. */
  readonly made: Readonly<Record<string, unknown>>;
  /** Of the model whose weights the plan was made from; absent where it holds for every model of its sizes. */
  readonly fingerprint: string | undefined;
  /** The plan in numbers. */
  readonly summary: PlanResult;

  constructor({ plan, made, fingerprint }: SavedPlan, summary: PlanResult) {
    this.edits = plan;
    this.made = made;
    this.fingerprint = fingerprint;
    this.summary = summary;
  }

  /** `layer 30 → 15 · 134.5 M → 81.4 M parameters` */
  explain(): string {
    return this.edits.explain();
  }

  /** Writes the plan, and the file of its masks and values beside it; returns the files. */
  save(file: string): Promise<string[]> {
    return savePlan(file, { plan: this.edits, made: this.made, fingerprint: this.fingerprint });
  }
}

/** The plan of a file, for a model. */
export async function readPlan(opened: OpenModel, file: string): Promise<MadePlan> {
  const started = performance.now();
  const saved = await loadPlan(file, opened.blueprint);
  return new MadePlan(saved, summaryOf(opened, saved, started));
}

/** A plan in numbers. */
export function summaryOf(opened: OpenModel, saved: SavedPlan, started: number): PlanResult {
  const { plan, made } = saved;
  const { keep, masks, replaces, explanation } = planDocument(saved);
  return {
    strategy: String(made['strategy'] ?? 'a plan'),
    keep,
    masks,
    replaces,
    parametersBefore: plan.before.parameters,
    parametersAfter: plan.after.parameters,
    bytesBefore: opened.bytes,
    bytesAfter: storedBytes(applyToCheckpoint(opened.checkpoint, plan)),
    layersBefore: plan.before.axes.layers,
    layersAfter: plan.after.axes.layers,
    explanation,
    loaders: loadersOf({ family: opened.family, blueprint: plan.after }),
    seconds: (performance.now() - started) / 1000,
  };
}
