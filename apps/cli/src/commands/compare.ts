import { type Command, Option } from 'commander';
import type { Action } from '../call.js';
import { examples } from '../examples.js';
import { given } from '../given.js';
import { NO_CACHE } from '../no-cache.js';
import { latencyChoice, latencyFlags, type LatencyFlags } from '../latency-flags.js';
import { positive, real } from '../option-values.js';

interface CompareFlags extends LatencyFlags {
  readonly out?: string;
  readonly tokens?: number;
  readonly seconds?: number;
  readonly resume?: boolean;
  readonly cache: boolean;
}

export function addCompare(program: Command, action: Action): void {
  const command = program
    .command('compare')
    .summary('variants of one recipe under an equal budget, side by side')
    .description(
      'Runs recipes for one model, each into a run folder of its own, with equally many tokens (or seconds) to train on. What they begin with in common is done once. One table (comparison.json), and one report.',
    )
    .argument('<recipes...>', 'YAML files, two or more')
    .option('-o, --out <folder>', 'the folder of the comparison; runs/ and the names of the recipes if not given')
    .addOption(new Option('--tokens <n>', 'what each variant trains on; as the recipes say if not given, which must be equal').argParser(positive))
    .addOption(new Option('--seconds <s>', 'the tokens that each trains on in so many seconds, by a pilot of a few steps').argParser(real))
    .option('--resume', 'go on where a comparison that was cut off has stopped')
    .option('--no-cache', NO_CACHE);
  for (const option of latencyFlags(
    'time each variant in turns with the model it was made from: speed-ups, and the queries after which its cost is earned back',
  ))
    command.addOption(option);
  command
    .addHelpText(
      'after',
      examples(
        'chop compare half.yaml narrow.yaml --tokens 1M',
        'chop compare half.yaml narrow.yaml sparse.yaml --latency --context 128,512',
        'chop compare half.yaml narrow.yaml --seconds 600 --out runs/ten-minutes --json',
      ),
    )
    .action(
      action<CompareFlags>(async (call, recipes, flags) => {
        const { out, tokens, seconds, resume, cache } = flags;
        const latency = await latencyChoice(flags);
        const result = await (
          await call.chop()
        ).compare(recipes, { ...call.common, cache, ...given({ out, tokens, seconds, resume, latency }), ...call.force });
        return { result, text: async () => (await import('../compare-text.js')).compareText(result, call.paint) };
      }),
    );
}
