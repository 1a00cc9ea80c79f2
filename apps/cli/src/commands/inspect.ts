import type { Command } from 'commander';
import type { Action } from '../call.js';
import { examples } from '../examples.js';

export function addInspect(program: Command, action: Action): void {
  program
    .command('inspect')
    .summary('family, parameters, bytes, layers and weights of a model')
    .description('Shows what a model is made of, as a tree; its headers are read, its weights are not.')
    .argument('<model>', 'MODEL')
    .addHelpText('after', examples('chop inspect embedded', 'chop inspect model.gguf', 'chop inspect hf:org/name --json'))
    .action(
      action(async (call, [model]) => {
        const result = await (await call.chop()).inspect(model!);
        return { result, text: async () => (await import('../model-tree.js')).modelTree(result, call.paint) };
      }),
    );
}
