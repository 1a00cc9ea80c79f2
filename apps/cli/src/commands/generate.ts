import type { CommandDefinition } from '../definition.js';
import { given } from '../definition.js';
import { parseNumber, parseWhole } from '../values.js';

export const generate: CommandDefinition = {
  name: 'generate',
  description: 'continue a text, or answer with --chat',
  examples: ['chop generate embedded "The river"', 'chop generate model.gguf "What is a cell?" --chat --max-tokens 60', 'chop generate smaller "Once" --temperature 0.8 --top-p 0.9 --seed 1'],
  define(command) {
    command
      .argument('<model>', 'a model')
      .argument('<prompt>', 'the text')
      .option('--max-tokens <n>', 'tokens after the prompt [24]', parseWhole)
      .option('--temperature <n>', '0 = the likeliest token [0]', parseNumber)
      .option('--top-k <n>', 'only the likeliest', parseWhole)
      .option('--top-p <n>', 'only the likeliest with this probability together', parseNumber)
      .option('--chat', "put the prompt through the model's chat template");
    return async (context, [model, prompt], options) => {
      const streams = !context.flags.json;
      let written = 0;
      const onText = (piece: string): void => {
        if (written++ === 0) context.stdout.write(options['chat'] ? '' : prompt!);
        context.stdout.write(piece);
      };
      const request = { ...context.common(), ...given(options, ['maxTokens', 'temperature', 'topK', 'topP', 'chat']), ...(streams ? { onText } : {}) };
      const result = await (await context.chop()).generate(model!, prompt!, request);
      context.print(result, () => '');
    };
  },
};

export const tokenize: CommandDefinition = {
  name: 'tokenize',
  description: 'token ids and pieces of a text',
  examples: ['chop tokenize embedded "Hello world"', 'chop tokenize model.gguf "<|im_start|>user" --json'],
  define(command) {
    command.argument('<model>', 'a model').argument('<text>', 'the text');
    return async (context, [model, text]) => {
      const result = await (await context.chop()).tokenize(model!, text!);
      context.print(result, () => result.ids.map((id, i) => `${id}\t${result.pieces[i]}`).join('\n'));
    };
  },
};
