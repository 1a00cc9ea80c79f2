import { type Command, Option } from 'commander';
import type { Action } from '../call.js';
import { examples } from '../examples.js';
import { given } from '../given.js';
import { positive, real } from '../option-values.js';
import { printable } from '../paint.js';
import { promptFrom } from '../prompt.js';

interface GenerateFlags {
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly chat?: boolean;
}

export function addGenerate(program: Command, action: Action): void {
  program
    .command('generate')
    .summary('continues a prompt, or answers it')
    .description('Continues a text, token by token; with --chat the text goes through the chat template of the model and is answered.')
    .argument('<model>', 'MODEL')
    .argument('<prompt>', 'the text; - reads standard input')
    .addOption(new Option('--max-tokens <n>', 'tokens that are written at most').argParser(positive).default(24))
    .addOption(new Option('--temperature <t>', '0 takes the likeliest token each time').argParser(real).default(0))
    .addOption(new Option('--top-k <n>', 'draw from the n likeliest tokens only').argParser(positive))
    .addOption(new Option('--top-p <p>', 'draw from the likeliest tokens that together have this probability').argParser(real))
    .option('--chat', 'the prompt is what a user says')
    .addHelpText(
      'after',
      examples(
        'chop generate embedded "The river"',
        'chop generate model.gguf "What is the capital of France?" --chat --max-tokens 64',
        'chop generate half "Once" --temperature 0.8 --top-p 0.95 --seed 1',
      ),
    )
    .action(
      action<GenerateFlags>(async (call, [model, prompt], { maxTokens, temperature, topK, topP, chat }) => {
        const chop = await call.chop();
        const text = await promptFrom(prompt!, call.surroundings.stdin);
        let begun = false;
        const onText = (piece: string): void => {
          if (!begun) call.terminal.end();
          if (!begun && !chat) call.print(text);
          begun = true;
          call.print(printable(piece));
        };
        const result = await chop.generate(model!, text, { ...call.common, maxTokens, temperature, ...given({ topK, topP, chat }), onText });
        call.print('\n');
        call.terminal.message(`${result.tokensPerSecond.toFixed(1)} tokens/s`);
        return { result, text: () => '' };
      }),
    );
}
