import { applyToCheckpoint, checkOptions, drive, MethodSession, named, type Parts, type Plan, type Pruner, Random, UsageError } from '@chop/core';
import { checkModelOutput, loadPlan, planDocument, savePlan } from '@chop/formats';
import { startEngine } from '@chop/kernels';
import { calibrationWindows } from './calibrate.js';
import { afterPlan } from './lineage.js';
import { type OpenModel, storedBytes, withModel } from './opened.js';
import { saveModel } from './save.js';
import type { Calibration, Common, MethodChoice, PlannedResult, WrittenResult } from './verbs.js';

export interface PlanRequest extends Common, Calibration {
  readonly set?: Readonly<Record<string, unknown>>;
}

/** Runs a method over an opened model, which stays as it is, and returns what it would do. */
export async function planModel(opened: OpenModel, method: Pruner, options: unknown, request: PlanRequest): Promise<PlannedResult> {
  const started = performance.now();
  const { seed = 0, signal, onProgress, engine, threads } = request;
  if (method.needs(options) === 'training') {
    throw new UsageError('METHOD_NEEDS_TRAINING', {
      found: `${method.name}, which trains while it prunes with these options`,
      expected: 'a training run around it',
      remedy: `Use chop train ${opened.source} --prune ${method.name} --data DATA --tokens N --out DIR.`,
    });
  }
  const text = calibrationWindows(request, () => opened.tokenizer(), request);
  if (method.needs(options) === 'text' && !text) {
    throw new UsageError('SESSION_NEEDS_TEXT', {
      found: 'no calibration text',
      expected: `text for ${method.name}, which looks at activations`,
      remedy: 'Give --data DATA (for example --data embedded).',
    });
  }
  const model = opened.family.model(opened.blueprint);
  const random = Random.of(seed, 'method', 0);
  const session = new MethodSession({
    model,
    checkpoint: opened.checkpoint,
    random: () => random,
    ready: () => startEngine({ ...(engine ? { engine } : {}), ...(threads ? { threads } : {}) }),
    ...(text ? { text } : {}),
    ...(signal ? { signal } : {}),
    onBlock: (done, total) => onProgress?.({ phase: method.name, done, total }),
  });
  const plan = await drive(method.plan(session, options), session, method.name);
  model.drop();
  plan.after.checkUniform();
  const made = { strategy: method.name, options, seed, source: opened.source };
  const { keep, masks, replaces, explanation } = planDocument(plan, made);
  return {
    plan,
    summary: {
      strategy: method.name,
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
      seconds: (performance.now() - started) / 1000,
    },
    save: (file) => savePlan(file, plan, made),
  };
}

/** The method of that name, and its options checked against its schema. */
export function chosenPruner(parts: Parts, { name, set }: MethodChoice): { method: Pruner; options: unknown } {
  const method = named('pruner', parts.pruners, name);
  return { method, options: checkOptions(method.options, set ?? {}, name) };
}

/** `chop plan`. */
export async function plan(parts: Parts, strategy: string, model: string, request: PlanRequest): Promise<PlannedResult> {
  const { method, options } = chosenPruner(parts, { name: strategy, ...(request.set ? { set: request.set } : {}) });
  return withModel(parts, model, request, (opened) => planModel(opened, method, options, request));
}

/** `chop prune`: plan and apply in one step. */
export async function prune(parts: Parts, strategy: string, model: string, request: PlanRequest & { out: string; force?: boolean }): Promise<WrittenResult> {
  const { method, options } = chosenPruner(parts, { name: strategy, ...(request.set ? { set: request.set } : {}) });
  await checkModelOutput(request.out, request);
  return withModel(parts, model, request, async (opened) => {
    const { plan } = await planModel(opened, method, options, request);
    return writePlanned(opened, plan, { ...request, made: [`${strategy} with ${JSON.stringify(options)}, seed ${request.seed ?? 0}: ${plan.explain()}.`] });
  });
}

/** `chop apply`: a plan, streamed from checkpoint to checkpoint. */
export async function apply(parts: Parts, planFile: string, model: string, request: { out: string; force?: boolean } & Common): Promise<WrittenResult> {
  return withModel(parts, model, request, async (opened) => {
    const loaded = await loadPlan(planFile, opened.blueprint);
    return writePlanned(opened, loaded, { ...request, made: [`A plan applied: ${loaded.explain()}.`] });
  });
}

/** Writes a model as a plan leaves it. */
export async function writePlanned(
  opened: OpenModel,
  plan: Plan,
  { made, ...request }: { out: string; force?: boolean; made: readonly string[] } & Common,
): Promise<WrittenResult> {
  plan.after.checkUniform();
  const lineage = afterPlan(await opened.lineage(), plan, made);
  const written = await saveModel(applyToCheckpoint(opened.checkpoint, plan), { ...request, lineage });
  return { ...written, explanation: plan.explain() };
}
