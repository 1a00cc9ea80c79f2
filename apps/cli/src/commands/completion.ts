import { Argument, type Command } from 'commander';
import type { Action } from '../call.js';
import { examples } from '../examples.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export function addCompletion(program: Command, action: Action): void {
  program
    .command('completion')
    .summary('completion for a shell')
    .description('Prints a script that completes commands and options.')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText(
      'after',
      examples('source <(chop completion bash)', 'source <(chop completion zsh)', 'chop completion fish > ~/.config/fish/completions/chop.fish'),
    )
    .action(
      action(async (_call, [shell]) => {
        const { completionScript } = await import('../completion-script.js');
        const script = completionScript(shell as (typeof SHELLS)[number], program);
        return { result: { shell, script }, text: () => script };
      }),
    );
}
