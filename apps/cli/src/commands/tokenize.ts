import type { Command } from 'commander';
import type { Action } from '../call.js';
import { examples } from '../examples.js';
import { promptFrom } from '../prompt.js';

export function addTokenize(program: Command, action: Action): void {
  program
    .command('tokenize')
    .summary('ids and pieces of a text')
    .description("Splits a text as the model's tokenizer does.")
    .argument('<model>', 'MODEL')
    .argument('<text>', 'the text; - reads standard input')
    .addHelpText('after', examples('chop tokenize embedded "The capital of France"', 'chop tokenize model.gguf - --json < text.txt'))
    .action(
      action(async (call, [model, text]) => {
        const result = await (await call.chop()).tokenize(model!, await promptFrom(text!, call.surroundings.stdin));
        return {
          result,
          text: async () => {
            const { table } = await import('../table.js');
            return table(
              result.ids.map((id, index) => [String(id), JSON.stringify(result.pieces[index])]),
              [0],
            );
          },
        };
      }),
    );
}
