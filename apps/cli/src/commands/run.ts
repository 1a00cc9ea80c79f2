import type { Command } from 'commander';
import type { Action } from '../call.js';
import { examples } from '../examples.js';
import { given } from '../given.js';
import { NO_CACHE } from '../no-cache.js';

export function addRun(program: Command, action: Action): void {
  program
    .command('run')
    .summary('the whole road of a recipe')
    .description('Runs the steps of a recipe, one after the other, into a run folder: models, scores, the log of training, a report.')
    .argument('<recipe>', 'a YAML file (`chop schema recipe` describes it)')
    .option('-o, --out <folder>', 'the run folder; runs/<name> if not given')
    .option('--resume', 'go on where a run that was cut off has stopped')
    .option('--no-cache', NO_CACHE)
    .addHelpText('after', examples('chop run recipes/quick-start.yaml', 'chop run recipe.yaml --out runs/second --seed 1', 'chop run recipe.yaml --resume'))
    .action(
      action<{ out?: string; resume?: boolean; cache: boolean }>(async (call, [recipe], { out, resume, cache }) => {
        const result = await (await call.chop()).run(recipe!, { ...call.common, cache, ...given({ out, resume }), ...call.force });
        return { result, text: async () => (await import('../run-text.js')).runText(result, recipe!, call.paint) };
      }),
    );
}
