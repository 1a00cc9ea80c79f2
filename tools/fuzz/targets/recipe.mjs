import { readRecipe } from '@chop/chop';
import { jsonText } from '../edited-json.mjs';
import { expectThat, placed, reader } from '../oracle.mjs';
import { composed, resolveRecipe } from '../parts.mjs';
import { recipes } from '../seeds.mjs';

export const fuzz = reader(async (data) => {
  const text = jsonText(data, recipes);
  const { recipe, placeOf } = await readRecipe(placed('recipe.yaml', text));
  const resolved = resolveRecipe(composed.parts, recipe, recipe.seed, placeOf);
  expectThat(resolved.steps.length === recipe.steps.length, 'steps were lost');
});
