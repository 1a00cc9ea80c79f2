import type { Command } from 'commander';
import type { Action } from '../call.js';
import { examples } from '../examples.js';

export function addSchema(program: Command, action: Action): void {
  program
    .command('schema')
    .summary('JSON Schema of a recipe, of a plan, or of the options of a strategy')
    .description('Prints a JSON Schema: for an editor that completes recipes, for a program that reads plans, and to see which options a strategy has.')
    .argument('[what]', 'recipe, plan, or the name of a strategy', 'recipe')
    .addHelpText('after', examples('chop schema > recipe.schema.json', 'chop schema plan', 'chop schema layer-chop'))
    .action(
      action(async (call, [what = 'recipe']) => {
        const result = (await call.chop()).schema(what);
        return { result, text: () => JSON.stringify(result, undefined, 2) };
      }),
    );
}
