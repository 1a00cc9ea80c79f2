import { UsageError } from '@chop/core/error';
import type { CommandDefinition } from '../definition.js';
import { given } from '../definition.js';
import { bytes, count } from '../format.js';
import { collect, parseText, parseWhole } from '../values.js';

export const evaluate: CommandDefinition = {
  name: 'eval',
  description: 'perplexity and latency of a model',
  examples: ['chop eval embedded --perplexity embedded:valid', 'chop eval model.gguf --perplexity wiki.txt --window 512 --windows 20', 'chop eval smaller --latency --json'],
  define(command) {
    command
      .argument('<model>', 'a model')
      .option('--perplexity <data>', 'text: a file or glob, or embedded:valid (repeatable)', collect)
      .option('--window <n>', 'tokens per window [512]', parseWhole)
      .option('--stride <n>', 'tokens between two windows [the window]', parseWhole)
      .option('--windows <n>', 'how many windows [all]', parseWhole)
      .option('--bos', 'put the begin-of-text token before each window')
      .option('--join <text>', 'text between documents instead of the end-of-text token (\\n is a newline)', parseText)
      .option('--latency', 'tokens per second of prefill and decode');
    return async (context, [model], options) => {
      const data = options['perplexity'] as string[] | undefined;
      if (!data && !options['latency']) throw new UsageError('EVAL_NOTHING', { found: 'nothing to measure', expected: '--perplexity DATA or --latency' });
      const settings = given(options, ['window', 'stride', 'windows', 'bos', 'join']);
      const result = await (await context.chop()).evaluate(model!, { ...context.common(), ...(data ? { perplexity: { data, ...settings } } : {}), ...(options['latency'] ? { latency: true } : {}) });
      context.print(result, () => {
        const { perplexity, latency } = result;
        return [
          `${result.model}: ${count(result.parameters)} parameters, ${bytes(result.bytes)}`,
          ...(perplexity ? [`perplexity ${perplexity.value.toPrecision(6)} over ${perplexity.tokens.toLocaleString('en-US')} tokens in ${perplexity.windows} windows${perplexity.bitsPerByte ? `, ${perplexity.bitsPerByte.toFixed(4)} bits per byte` : ''}`] : []),
          ...(latency ? [`prefill ${latency.prefill.tokensPerSecond.toFixed(0)} tokens/s, decode ${latency.decode.tokensPerSecond.toFixed(1)} tokens/s (${latency.decode.milliseconds.median.toFixed(1)} ms a token), peak memory ${bytes(latency.peakBytes)}`] : []),
        ].join('\n');
      });
    };
  },
};
