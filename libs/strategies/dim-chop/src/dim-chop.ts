import { type Edit, keep, mask, maskAxis, pruner, type Session, UsageError, type Weight } from '@chop/core';
import { addSensitivity, columnSums, platonScore, platonUpdate } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { axisScores, lowest, sharedAxes, SHARED } from './score.js';

const options = z.strictObject({
  sparsity: z.number().gt(0).lt(1).default(0.5).describe('share of the columns that is masked in the end'),
  every: z.number().int().min(1).default(100).describe('steps between two choices of columns'),
  warmupSteps: z.number().int().min(0).default(0).describe('steps before the first column is masked'),
  endStep: z.number().int().min(1).optional().describe('step from which the mask is frozen; by default four fifths of the run'),
  rate: z.number().positive().default(3).describe('steepness of the exponential schedule'),
  beta1: z.number().min(0).lt(1).default(0.85).describe('memory of the smoothed sensitivity'),
  beta2: z.number().min(0).lt(1).default(0.95).describe('memory of the uncertainty'),
  multiple: z
    .number()
    .int()
    .min(1)
    .default(1)
    .describe('with shared: sizes of ffn and width that are left at the end are multiples of this, where they can be (blocks of 8 and 4 bits have 32)'),
  shared: z.array(z.enum(SHARED)).default([]).describe('axes along which scores are summed, so that matrices really get smaller'),
});

/**
 * DimCHOP (CHOP §3.2; PLATON, arXiv 2206.12562): while training goes on, a growing share of the columns of every matrix is masked,
 * those with the lowest smoothed sensitivity times uncertainty. Masked columns are trained on and may return until `endStep`.
 * With `shared`, indices of whole axes are masked instead and cut off at the end.
 */
export const dimChop = pruner({
  name: 'dim-chop',
  description: 'Masks the least important columns while training, with regrowth (DimCHOP; Just CHOP, arXiv 2305.14864, section 3.2).',
  options,
  needs: 'training',
  async *plan(session, { every, shared, multiple, ...o }) {
    const endStep = o.endStep ?? Math.max(1, Math.floor(0.8 * session.budget.steps));
    if (endStep > session.budget.steps || endStep <= o.warmupSteps) {
      throw new UsageError('OPTION_VALUE', {
        found: `dim-chop.endStep ${endStep}`,
        expected: `more than warmupSteps (${o.warmupSteps}) and at most the ${session.budget.steps} steps of the run`,
      });
    }
    if (session.budget.stepsDone >= endStep) return;
    const linears = session.model.linears();
    const sum = session.state('dim-chop.window', linears);
    const smooth = session.state('dim-chop.smooth', linears);
    const uncertain = session.state('dim-chop.uncertain', linears);

    for await (const step of session.steps()) {
      for (const w of linears) addSensitivity(sum.of(w), session.model.weight(w), step.gradient(w));
      const inWindow = ((step.index - 1) % every) + 1;
      if (inWindow < every && step.index < endStep) continue;

      const score = (w: Weight): tf.Tensor => platonScore({ smooth: smooth.of(w), uncertain: uncertain.of(w) });
      for (const w of linears) {
        platonUpdate({ smooth: smooth.of(w), uncertain: uncertain.of(w) }, tf.div(sum.of(w), inWindow), o);
        sum.of(w).assign(tf.zerosLike(sum.of(w)));
      }
      const share = shareAt(step.index, { ...o, endStep });
      const last = step.index === endStep;
      yield* shared.length > 0 ? sharedEdits(session, { shared, share, multiple }, score, last) : columnEdits(linears, share, score, last);
      if (last) return;
    }
  },
});

/** `sparsity · (1 − e^(−rate·u)) / (1 − e^(−rate))` with u from 0 at `warmupSteps` to 1 at `endStep`. */
export function shareAt(step: number, o: { sparsity: number; warmupSteps: number; endStep: number; rate: number }): number {
  const u = Math.min(Math.max((step - o.warmupSteps) / (o.endStep - o.warmupSteps), 0), 1);
  return (o.sparsity * (1 - Math.exp(-o.rate * u))) / (1 - Math.exp(-o.rate));
}

/** Eq. 6: in each matrix the same share of columns, the lowest L1 norm of S first. The last mask is frozen. */
async function* columnEdits(linears: readonly Weight[], share: number, score: (w: Weight) => tf.Tensor, last: boolean) {
  for (const w of linears) {
    const [rows, columns] = w.shape as [number, number];
    const masked = lowest(await columnSums(score(w)).data(), Math.floor(share * columns + 0.5));
    const kept = Uint8Array.from({ length: columns }, (_, column) => (masked.has(column) ? 0 : 1));
    yield mask(w, tf.cast(tf.tile(tf.tensor2d(kept, [1, columns], 'int32'), [rows, 1]), 'bool'), { latent: !last });
  }
}

/** The same scores summed along whole axes: latent while they may return, cut off at the end. All are chosen before the first is cut. */
async function* sharedEdits(
  session: Session,
  { shared, share, multiple }: { readonly shared: readonly (typeof SHARED)[number][]; readonly share: number; readonly multiple: number },
  score: (w: Weight) => tf.Tensor,
  last: boolean,
) {
  const edits: Edit[] = [];
  for (const { axis, at } of sharedAxes(session.model.axes, shared)) {
    const scores = await axisScores(session.model, axis, at, score);
    const stays = Math.max(1, scores.length - Math.floor(share * scores.length + 0.5));
    const masked = lowest(scores, scores.length - (last && axis !== 'kv' ? nearestMultiple(stays, multiple, scores.length) : stays));
    const kept = Array.from(scores, (_, index) => index).filter((index) => !masked.has(index));
    if (!last) edits.push(maskAxis(axis, kept, at));
    else if (masked.size > 0) edits.push(keep(axis, kept, at));
  }
  yield* edits;
}

/** The multiple nearest to a size, at least one and at most all that there is; a size too small for two stays the whole. */
export function nearestMultiple(size: number, multiple: number, of: number): number {
  if (multiple > of) return of;
  return Math.min(Math.max(1, Math.round(size / multiple)), Math.floor(of / multiple)) * multiple;
}
