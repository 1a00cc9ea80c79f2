import type { Command } from 'commander';
import type { LoaderName } from '@chop/chop';
import type { Action } from '../call.js';
import { cutModel } from '../cut-model.js';
import { examples } from '../examples.js';
import { loadersOption } from '../method-options.js';

export function addApply(program: Command, action: Action): void {
  program
    .command('apply')
    .summary('applies a saved plan to a model')
    .description('Streams a model from checkpoint to checkpoint as a plan leaves it; takes the memory of one weight, whatever the size of the model.')
    .argument('<plan>', 'a plan that `chop plan` has saved')
    .argument('<model>', 'MODEL: the one that was planned for; with --force another of the same sizes')
    .requiredOption('-o, --out <folder>', 'the folder to be made')
    .addOption(loadersOption())
    .addHelpText('after', examples('chop apply plan.json embedded --out half', 'chop apply plan.json model.gguf --out half --force'))
    .action(
      action<{ out: string; for?: readonly LoaderName[] }>(async (call, [plan, model], flags) => {
        const chop = await call.chop();
        return cutModel(call, chop, { model: model!, ...flags }, (opened) => chop.readPlan(opened, plan!));
      }),
    );
}
