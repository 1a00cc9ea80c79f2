import { applyToCheckpoint, PlanError } from '@chop/core';
import { afterPlan } from './lineage.js';
import { checkLoaders, type LoaderName } from './loaders.js';
import type { MadePlan } from './made-plan.js';
import { OpenModel } from './opened.js';

/** How a plan is applied. */
export interface ApplyRequest {
  /** Apply a plan that was made from the weights of another model. */
  readonly force?: boolean;
  /** Programs that must take the result: one that one of them cannot load is refused. */
  readonly for?: readonly LoaderName[];
}

/**
 * A model seen through a plan. Nothing is computed or written until its weights are read.
 *
 * @throws {@link PlanError} `PLAN_OTHER_MODEL`, `AXIS_NOT_UNIFORM`
 * @throws {@link UsageError} `LOADER_REFUSES`
 */
export async function applyPlan(
  opened: OpenModel,
  plan: MadePlan,
  { force = false, for: loaders = [] }: ApplyRequest,
  close: () => Promise<void>,
): Promise<OpenModel> {
  const { edits } = plan;
  await checkFits(opened, plan, force);
  edits.after.checkUniform();
  checkLoaders({ family: opened.family, blueprint: edits.after }, loaders);
  return new OpenModel({
    checkpoint: applyToCheckpoint(opened.checkpoint, edits),
    family: opened.family,
    blueprint: edits.after,
    lineage: afterPlan(await opened.lineage(), edits, [sentence(plan)]),
    close,
  });
}

async function checkFits(opened: OpenModel, { edits, made, fingerprint }: MadePlan, force: boolean): Promise<void> {
  const { axes, family } = opened.blueprint;
  if (edits.before.family.name !== family.name || !edits.before.axes.equals(axes))
    throw new PlanError('PLAN_OTHER_MODEL', {
      file: opened.source,
      found: `a plan for a ${edits.before.family.name} model of other sizes`,
      expected: 'a plan for this model',
      remedy: 'Make the plan again for this model: chop plan.',
    });
  if (force || fingerprint === undefined || fingerprint === (await opened.fingerprint())) return;
  throw new PlanError('PLAN_OTHER_MODEL', {
    file: opened.source,
    found: `a plan that ${String(made['strategy'] ?? 'a method')} made from the weights of another model, ${String(made['source'] ?? 'unnamed')}`,
    expected: 'a plan made from the weights of this one',
    remedy: 'Make the plan again for this model: chop plan. Or apply it all the same with --force.',
    planFingerprint: fingerprint,
    fingerprint: await opened.fingerprint(),
  });
}

function sentence({ made: { strategy, options, seed }, edits }: MadePlan): string {
  const how = strategy === undefined ? 'A plan applied' : `${String(strategy)} with ${JSON.stringify(options ?? {})}, seed ${String(seed ?? 0)}`;
  return `${how}: ${edits.explain()}.`;
}
