import type { Command } from 'commander';
import type { Action } from '../call.js';
import { examples } from '../examples.js';
import { addMethodOptions, type MethodFlags, methodOf, planRequest } from '../method-options.js';

export function addPlan(program: Command, action: Action): void {
  const command = program
    .command('plan')
    .summary('what a strategy would do to a model')
    .description('Runs a strategy and shows what it would change. The model stays as it is; a plan that was saved is applied by `chop apply`.')
    .option('-o, --out <file>', 'save the plan here');
  addMethodOptions(command)
    .addHelpText(
      'after',
      examples(
        'chop plan layer-chop embedded --set keep=4',
        'chop plan layer-chop model.gguf --set keep=15 --set configuration=max-gap -o plan.json',
        'chop plan wanda embedded --data embedded --set pattern=2:4 -o wanda.json',
      ),
    )
    .action(
      action<MethodFlags & { out?: string }>(async (call, [strategy, model], flags) => {
        if (flags.out !== undefined && !call.options.force) await (await import('../free-file.js')).checkFree(flags.out);
        const chop = await call.chop();
        const plan = await chop.plan(model!, await methodOf(chop, strategy!, flags), planRequest(call, flags));
        const files = flags.out === undefined ? [] : await plan.save(flags.out);
        const result = { ...plan.summary, ...(flags.out === undefined ? {} : { out: flags.out, files }) };
        return { result, text: async () => (await import('../plan-text.js')).planText(plan.summary, files, call.paint) };
      }),
    );
}
