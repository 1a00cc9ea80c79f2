import { UsageError } from '@chop/core';
import { extentOf, type TrainOptions } from '@chop/training';
import type { Recipe, RecipeStep, TrainStep } from './recipe.js';

/** What every variant of a comparison may train on: tokens, or the tokens that so many seconds suffice for. */
export interface Budget {
  readonly tokens?: number;
  readonly seconds?: number;
}

/** Steps of the pilot that tells how many tokens a variant trains on in a second. */
const PILOT_STEPS = 5;

type Training = Extract<RecipeStep, { kind: 'train' }>;

/**
 * Checks that all variants that train do so on equally many tokens, or that a budget can be given to each.
 *
 * @throws {@link UsageError} `COMPARE_BUDGET`
 */
export function checkBudget(variants: readonly { readonly file: string; readonly recipe: Recipe }[], { tokens, seconds }: Budget): void {
  const refuse = (found: string, expected: string, remedy: string, file?: string): never => {
    throw new UsageError('COMPARE_BUDGET', { ...(file === undefined ? {} : { file }), found, expected, remedy });
  };
  if (tokens !== undefined && seconds !== undefined) refuse('a budget of tokens and one of seconds', 'one of them', 'Leave one away.');
  const given = tokens ?? seconds;
  if (given !== undefined && !(given > 0)) refuse(`a budget of ${given}`, 'more than 0', 'For example --tokens 1M, or --seconds 600.');
  if (given !== undefined) {
    for (const { file, recipe } of variants)
      if (recipe.steps.filter(isTraining).length > 1)
        refuse('two steps that train', 'one at most: the budget is all its', 'Join them, or leave the budget to the recipes.', file);
    return;
  }
  const totals = new Map(variants.map(({ file, recipe }) => [file, trainedTokens(recipe)]));
  const [first, ...others] = [...totals].filter(([, total]) => total > 0);
  for (const [file, total] of others)
    if (total !== first![1])
      refuse(
        `training on ${total.toLocaleString('en-US')} tokens against ${first![1].toLocaleString('en-US')} in ${first![0]}`,
        'an equal budget',
        `Give --tokens N or --seconds N for all of them.`,
        file,
      );
}

/** Tokens that a recipe trains on in all. */
export function trainedTokens({ steps }: Recipe): number {
  return steps.filter(isTraining).reduce((sum, { options }) => {
    const extent = extentOf(options as TrainOptions);
    return sum + extent.steps * extent.tokensPerStep;
  }, 0);
}

/** The recipe with so many tokens to train on, where it trains. */
export function withTokens(recipe: Recipe, tokens: number): Recipe {
  return { ...recipe, steps: recipe.steps.map((step) => (isTraining(step) ? lasting(step, { tokens }) : step)) };
}

/** The recipe up to and with a short training; `undefined` of one that does not train. */
export function pilotOf(recipe: Recipe): Recipe | undefined {
  const at = recipe.steps.findIndex(isTraining);
  if (at === -1) return undefined;
  return { ...recipe, steps: [...recipe.steps.slice(0, at), lasting(recipe.steps[at] as Training, { steps: PILOT_STEPS })] };
}

/** The tokens, in whole steps, that so many seconds suffice for. */
export function tokensWithin(recipe: Recipe, seconds: number, tokensPerSecond: number): number {
  const { tokensPerStep } = extentOf(recipe.steps.find(isTraining)!.options as TrainOptions);
  return tokensPerStep * Math.max(1, Math.floor((seconds * tokensPerSecond) / tokensPerStep));
}

function lasting({ options }: Training, extent: { readonly tokens: number } | { readonly steps: number }): Training {
  const { tokens: _tokens, steps: _steps, ...others } = options;
  return { kind: 'train', options: { ...others, ...extent } as TrainStep };
}

function isTraining(step: RecipeStep): step is Training {
  return step.kind === 'train';
}
