import type { PlanResult } from '@chop/chop';
import { loadersText } from './loaders-text.js';
import { change, size } from './numbers.js';
import { type Paint, printable } from './paint.js';
import { table } from './table.js';

/** Masks that are listed one by one; of more, only the sum is told. */
const LISTED_MASKS = 12;

/** What a plan would do. */
export function planText(plan: PlanResult, files: readonly string[], { bold }: Paint): string {
  const number = (value: number): string => value.toLocaleString('en-US');
  const rows = [
    ['layers', number(plan.layersBefore), number(plan.layersAfter), change(plan.layersBefore, plan.layersAfter)],
    ['parameters', number(plan.parametersBefore), number(plan.parametersAfter), change(plan.parametersBefore, plan.parametersAfter)],
    ['bytes', size(plan.bytesBefore), size(plan.bytesAfter), change(plan.bytesBefore, plan.bytesAfter)],
  ];
  return [
    `${bold(plan.strategy)}  ${printable(plan.explanation)}`,
    table([['', 'before', 'after', ''], ...rows], [1, 2, 3]),
    ...Object.entries(plan.keep).map(([axis, kept]) => `keep ${axis}  ${kept.length} of them: ${ranges(kept)}`),
    ...masksText(plan.masks),
    ...(plan.replaces.length === 0 ? [] : [`replace  ${plan.replaces.length} weights`]),
    ...loadersText(plan.loaders),
    ...(files.length === 0 ? [] : [`written  ${files.join(', ')}`]),
  ].join('\n');
}

function masksText(masks: PlanResult['masks']): string[] {
  if (masks.length === 0) return [];
  const [kept, total] = [masks.reduce((sum, mask) => sum + mask.kept, 0), masks.reduce((sum, mask) => sum + mask.total, 0)];
  const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;
  const sum = `mask  ${masks.length} weights, of which ${percent(kept, total)} stays`;
  if (masks.length > LISTED_MASKS) return [sum];
  return [
    sum,
    table(
      masks.map((mask) => [`  ${printable(mask.weight)}`, percent(mask.kept, mask.total)]),
      [1],
    ),
  ];
}

/** `0–3, 7, 9–11`. */
export function ranges(indices: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const index of indices) {
    const run = runs.at(-1);
    if (run && run[1] === index - 1) run[1] = index;
    else runs.push([index, index]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : last === first + 1 ? `${first}, ${last}` : `${first}–${last}`)).join(', ');
}
