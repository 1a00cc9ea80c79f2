import type { Command } from 'commander';
import type { Action } from '../call.js';
import { examples } from '../examples.js';
import { addMethodOptions, type MethodFlags, planRequest, settings } from '../method-options.js';

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
        const method = chop.method(strategy!, await settings(flags));
        await chop.checkOutput(flags.out, call.force);
        const opened = await chop.open(model!, call.common);
        try {
          const plan = await chop.plan(opened, method, planRequest(call, flags));
          const written = await chop.save(await chop.apply(opened, plan), flags.out, { ...call.common, ...call.force });
          const result = { ...written, explanation: plan.explain() };
          return { result, text: async () => (await import('../written-text.js')).writtenText(result) };
        } finally {
          await opened.close();
        }
      }),
    );
}
