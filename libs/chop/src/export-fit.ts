import { turnMatrices } from '@chop/core';
import type { Chop } from './compose.js';
import type { OpenModel } from './opened.js';
import type { Recipe, RecipeStep } from './recipe.js';
import type { Common } from './request.js';
import { makesModel } from './resolve.js';
import { checkGgufFamily, ggufForm } from './save-gguf.js';
import { packedForm } from './save-packed.js';

type Exported = Extract<RecipeStep, { kind: 'export' }>;

/**
 * That the model which a recipe begins with can be exported as its steps say, as far as it can be known before any of them: what changes sizes or
 * weights may make of it what a format holds, or the contrary, but never another family.
 *
 * @throws what {@link saveModel} throws for a model that the format cannot hold.
 */
export async function checkExports(chop: Chop, { model, steps }: Recipe, request: Common): Promise<void> {
  const asked = steps.filter((step): step is Exported => step.kind === 'export');
  if (!asked.some(({ options: { format } }) => CHECKED.includes(format))) return;
  const opened = await chop.open(model, request);
  try {
    if (asked.some(({ options: { format } }) => format === 'gguf')) checkGgufFamily(opened.family);
    await checkFits(opened, steps, { weights: true });
  } finally {
    await opened.close();
  }
}

/** Formats that do not hold every model. What ONNX has no words for shows when its graph is made. */
const CHECKED = ['gguf', 'packed'];

/**
 * That a model can be exported as the steps say that come before the next one that makes another model.
 *
 * @param weights - whether its weights are there to be looked at; else of its sizes and its tokenizer alone.
 * @throws what {@link saveModel} throws for a model that the format cannot hold.
 */
export async function checkFits(opened: OpenModel, steps: readonly RecipeStep[], { weights = false } = {}): Promise<void> {
  const next = steps.findIndex(makesModel);
  for (const step of next < 0 ? steps : steps.slice(0, next)) {
    if (step.kind !== 'export') continue;
    const { format } = step.options;
    if (format === 'gguf') await ggufForm(opened);
    if (format === 'packed' && weights) await packedForm(opened, turnMatrices(opened.blueprint, opened.checkpoint), { dtype: undefined });
  }
}
