import type { Command } from 'commander';
import type { Action } from '../call.js';
import { examples } from '../examples.js';
import { printable } from '../paint.js';

export function addPlugins(program: Command, action: Action): void {
  program
    .command('plugins')
    .summary('families, strategies and evaluators that are loaded')
    .description('Lists what is plugged in: families of models, pruners, distillers, evaluators.')
    .addHelpText('after', examples('chop plugins', 'chop plugins --plugin my-method --json'))
    .action(
      action(async (call) => {
        const plugins = (await call.chop()).plugins();
        return {
          result: { plugins },
          text: async () => {
            const { table } = await import('../table.js');
            return table(
              plugins.map(({ name, kind, package: from, version, description }) =>
                [name, kind, `${from}${version === '' ? '' : `@${version}`}`, description].map(printable),
              ),
            );
          },
        };
      }),
    );
}
