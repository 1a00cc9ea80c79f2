import { checkOptions, ChopError, type Described, named, type Parts, type Place } from '@chop/core';
import { onlyMethod, type Recipe } from './recipe.js';

type PlaceOf = (path: readonly PropertyKey[]) => Place;

/**
 * Checks names and options of every method in a recipe before its first step runs: a misspelt word in the last step would
 * otherwise be found hours later.
 *
 * @throws {@link UsageError} `METHOD_UNKNOWN`, `OPTION_UNKNOWN`, `OPTION_VALUE`; with file and line.
 */
export function checkMethods(parts: Parts, { steps }: Recipe, placeOf: PlaceOf): void {
  for (const [index, step] of steps.entries()) {
    const at = ['steps', index, step.kind];
    if (step.kind === 'prune') check('pruner', parts.pruners, [step.name, step.set], at, placeOf);
    if (step.kind !== 'train') continue;
    const { prune, distill } = step.options;
    if (prune) check('pruner', parts.pruners, onlyMethod(prune), [...at, 'prune'], placeOf);
    if (distill) check('distiller', parts.distillers, onlyMethod(withoutTeacher(distill)), [...at, 'distill'], placeOf);
  }
}

function check(
  kind: 'pruner' | 'distiller',
  shelf: ReadonlyMap<string, Described<unknown>>,
  [name, set]: [string, Record<string, unknown>],
  at: PropertyKey[],
  placeOf: PlaceOf,
): void {
  try {
    checkOptions(named(kind, shelf, name).options, set, name, (path) => placeOf([...at, name, ...path]));
  } catch (error) {
    throw error instanceof ChopError ? error.with({ ...placeOf([...at, name]) }) : error;
  }
}

/** The distiller among the keys of `distill`. */
export function withoutTeacher({ teacher: _teacher, ...distillers }: Record<string, unknown>): Record<string, unknown> {
  return distillers;
}
