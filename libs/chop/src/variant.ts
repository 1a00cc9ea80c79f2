import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '@chop/core';
import { stringify } from 'yaml';
import type { Chop } from './compose.js';
import { type Recipe, readRecipe } from './recipe.js';
import type { Cached, Common } from './request.js';
import { resolveRecipe, writtenStep } from './resolve.js';
import { beginRun } from './run-folder.js';
import { run, type RunResult, type StepResult } from './run.js';

/** One of the recipes that are compared. */
export interface Variant {
  readonly file: string;
  /** The verbs with the plugins of the recipe. */
  readonly chop: Chop;
  readonly recipe: Recipe;
  /** Every default written out. */
  readonly resolve: (recipe: Recipe) => Recipe;
}

/**
 * Reads recipes that are to be compared: of one model, each with a name of its own.
 *
 * @param taken - names that no recipe may have.
 * @throws {@link UsageError} `COMPARE_RECIPES`
 */
export async function readVariants(
  chop: Chop,
  files: readonly string[],
  { seed, taken }: { seed: number | undefined; taken: readonly string[] },
): Promise<Variant[]> {
  const variants: Variant[] = [];
  for (const file of files) {
    const { recipe, placeOf } = await readRecipe(file);
    const composed = await chop.with(recipe.plugins);
    const resolve = (of: Recipe): Recipe => resolveRecipe(composed.parts, of, seed ?? of.seed, placeOf);
    resolve(recipe);
    variants.push({ file, chop: composed, recipe, resolve });
  }
  checkVariants(variants, taken);
  return variants;
}

function checkVariants(variants: readonly Variant[], taken: readonly string[]): void {
  const [first, ...others] = variants;
  const refuse = (file: string | undefined, found: string, expected: string, remedy: string): never => {
    throw new UsageError('COMPARE_RECIPES', { ...(file === undefined ? {} : { file }), found, expected, remedy });
  };
  if (first === undefined || others.length === 0)
    return refuse(first?.file, first ? 'one recipe' : 'no recipe', 'two or more', 'One alone is what chop run is for.');
  const seen = new Map(taken.map((name) => [name, 'the comparison itself']));
  for (const { file, recipe } of variants) {
    const before = seen.get(recipe.name);
    if (before !== undefined) refuse(file, `the name ${recipe.name}, which ${before} has too`, 'a name of its own', 'Change name: in one of them.');
    seen.set(recipe.name, file);
    if (recipe.model !== first.recipe.model)
      refuse(file, `model ${recipe.model}`, `${first.recipe.model}, as in ${first.file}`, 'Variants are made from one model: change model: in one of them.');
  }
}

/** With how many equal steps two resolved recipes begin; 0 where model, text or seed differ. */
export function sharedSteps(one: Recipe, other: Recipe): number {
  const { steps: ownSteps, name: _, plugins: _own, ...own } = one;
  const { steps: otherSteps, name: _other, plugins: _others, ...rest } = other;
  if (!isDeepStrictEqual(own, rest)) return 0;
  const differs = ownSteps.findIndex((step, i) => otherSteps[i] === undefined || !isDeepStrictEqual(writtenStep(step), writtenStep(otherSteps[i])));
  return differs === -1 ? ownSteps.length : differs;
}

/**
 * Runs a recipe into its folder, after steps that were done elsewhere; a folder that is there already is gone on with.
 *
 * @throws {@link UsageError} `RESUME_OTHER_RUN`
 */
export async function runAfter(chop: Chop, resolved: Recipe, out: string, before: readonly StepResult[], request: Common & Cached): Promise<RunResult> {
  const file = join(out, 'recipe.yaml');
  const text = stringify({ ...resolved, steps: resolved.steps.map(writtenStep) });
  const begun = await readFile(file, 'utf8').catch(() => undefined);
  if (begun !== undefined && begun !== text)
    throw new UsageError('RESUME_OTHER_RUN', {
      file,
      found: 'another recipe or budget than the comparison was started with',
      expected: 'the same',
      remedy: 'Start again with --force.',
    });
  if (begun === undefined)
    await beginRun(out, { 'recipe.yaml': text, 'results.json': `${JSON.stringify({ name: resolved.name, steps: before }, undefined, 1)}\n` });
  return run(chop, file, { ...request, out, resume: true });
}

/** The recipe that a run folder was begun with, if it was. */
export async function begunRecipe(out: string): Promise<Recipe | undefined> {
  const file = join(out, 'recipe.yaml');
  return (await readFile(file).catch(() => undefined)) && (await readRecipe(file)).recipe;
}
