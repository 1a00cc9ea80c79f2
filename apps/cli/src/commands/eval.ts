import { type Command, Option } from 'commander';
import type { Action } from '../call.js';
import { examples } from '../examples.js';
import { given } from '../given.js';
import { dataOption, joinOption } from '../method-options.js';
import { positive } from '../option-values.js';

interface EvalFlags {
  readonly perplexity?: readonly string[];
  readonly window?: number;
  readonly stride?: number;
  readonly windows?: number;
  readonly bos?: boolean;
  readonly join?: string;
  readonly latency?: boolean;
}

export function addEval(program: Command, action: Action): void {
  program
    .command('eval')
    .summary('measures a model: perplexity, speed')
    .description('Measures a model: how well it predicts a text, how fast it reads and writes.')
    .argument('<model>', 'MODEL')
    .addOption(dataOption('--perplexity <data...>', 'perplexity on this text'))
    .addOption(new Option('--window <tokens>', 'tokens that the model sees at once; 512 if not given').argParser(positive))
    .addOption(new Option('--stride <tokens>', 'tokens between two windows; as the window if not given').argParser(positive))
    .addOption(new Option('--windows <n>', 'how many windows; all of the text if not given').argParser(positive))
    .option('--bos', 'put the begin-of-text token before each window')
    .addOption(joinOption())
    .option('--latency', 'tokens per second of reading and writing, and the memory it takes')
    .addHelpText(
      'after',
      examples(
        'chop eval embedded --perplexity embedded:valid',
        'chop eval half --perplexity text.jsonl --window 512 --windows 20',
        'chop eval model.gguf --latency --threads 2 --json',
      ),
    )
    .action(
      action<EvalFlags>(async (call, [model], { perplexity, latency, window, stride, windows, bos, join }) => {
        const text = perplexity && { perplexity: { data: perplexity, ...given({ window, stride, windows, bos, join }) } };
        const chop = await call.chop();
        const { result } = await chop.evaluate({ result: model! }, { ...call.common, ...text, ...given({ latency }) });
        return { result, text: async () => (await import('../scores-text.js')).scoresText(result) };
      }),
    );
}
