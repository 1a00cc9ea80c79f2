import type { Command } from 'commander';
import type { Action } from '../call.js';
import { cutModel } from '../cut-model.js';
import { examples } from '../examples.js';
import { addMethodOptions, type MethodFlags, methodOf, planRequest } from '../method-options.js';

export function addPrune(program: Command, action: Action): void {
  const command = program
    .command('prune')
    .summary('plans and applies a strategy in one step')
    .description('Makes a smaller model of a model by a strategy that needs no training.')
    .requiredOption('-o, --out <folder>', 'the folder to be made');
  addMethodOptions(command)
    .addHelpText(
      'after',
      examples(
        'chop prune layer-chop embedded --set keep=4 --out half',
        'chop prune layer-chop model.gguf --set layers=[0,2,4,29] --out small',
        'chop prune wanda hf:org/name --data text.jsonl --samples 128 --window 512 --out sparse',
      ),
    )
    .action(
      action<MethodFlags & { out: string }>(async (call, [strategy, model], flags) => {
        const chop = await call.chop();
        const method = await methodOf(chop, strategy!, flags);
        await chop.checkOutput(flags.out, call.force);
        return cutModel(call, chop, { model: model!, out: flags.out }, (opened) => chop.plan(opened, method, planRequest(call, flags)));
      }),
    );
}
