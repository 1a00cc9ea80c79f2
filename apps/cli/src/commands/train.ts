import { type Command, Option } from 'commander';
import type { LoaderName, TrainRequest } from '@chop/chop';
import { type Action, type Call } from '../call.js';
import { examples } from '../examples.js';
import { given } from '../given.js';
import { dataOption, loadersOption } from '../method-options.js';
import { each, positive } from '../option-values.js';
import type { Verbs } from '../surroundings.js';
import { trainingChoices, trainingOptions } from '../training-flags.js';

interface TrainFlags {
  readonly data: readonly string[];
  readonly out: string;
  readonly resume?: boolean;
  readonly prune?: string;
  readonly for?: readonly LoaderName[];
  readonly distill?: string;
  readonly teacher?: string;
  readonly set?: readonly string[];
  readonly distillSet?: readonly string[];
  readonly valid?: readonly string[];
  readonly calibration?: readonly string[];
  readonly samples?: number;
  readonly calibrationWindow?: number;
  readonly fromScratch?: string;
  readonly tokenizer?: string;
  readonly dtype?: 'f32' | 'f16' | 'bf16';
}

export function addTrain(program: Command, action: Action): void {
  const command = program
    .command('train')
    .summary('goes on training a model, and prunes or distils it meanwhile')
    .description('Continued pretraining; with a strategy that prunes while it trains, with a teacher, or from random weights.')
    .argument('[model]', 'MODEL; none with --from-scratch')
    .addOption(dataOption('--data <data...>', 'text to train on').makeOptionMandatory())
    .requiredOption('-o, --out <folder>', 'the folder to be made')
    .option('--resume', 'go on where a run that was cut off has saved its state')
    .option('--prune <strategy>', 'prune while training')
    .addOption(loadersOption())
    .option('--distill <strategy>', 'learn from a teacher')
    .option('--teacher <model>', 'the MODEL to learn from; the one that is trained if not given')
    .addOption(new Option('--set <name=value>', 'an option of the strategy (repeatable); strategy.name=value where two have it').argParser(each))
    .addOption(new Option('--distill-set <name=value>', 'an option of the strategy that --distill names (repeatable)').argParser(each))
    .option('--from-scratch <config>', 'start from random weights of the shape of this config.json')
    .option('--tokenizer <folder>', 'with --from-scratch: the tokenizer files; beside the config if not given')
    .addOption(dataOption('--valid <data...>', 'text for the evaluations of --eval-every'))
    .addOption(dataOption('--calibration <data...>', 'text that the strategy looks at; that of --data if not given'))
    .addOption(new Option('--samples <n>', 'windows of calibration text; 128 if not given').argParser(positive))
    .addOption(new Option('--calibration-window <tokens>', 'tokens of a calibration window; 512 if not given').argParser(positive))
    .addOption(new Option('--dtype <name>', 'precision of the saved weights; that of the model if not given').choices(['f32', 'f16', 'bf16']));
  for (const option of trainingOptions()) command.addOption(option);
  command
    .addHelpText(
      'after',
      examples(
        'chop train half --data embedded --tokens 1M --out recovered',
        'chop train hf:org/name --data a.jsonl=3 b.txt=1 --tokens 50M --prune layer-chop --set keep=15 --distill distill-logits --out small',
        'chop train --from-scratch config.json --data corpus.txt --steps 500 --valid held-out.txt --eval-every 1M --out tiny',
      ),
    )
    .action(
      action<TrainFlags & Record<string, unknown>>(async (call, [model], flags) => {
        const chop = await call.chop();
        const source = await sourceOf(model, flags);
        const tuned = await chop.train(source, await trainRequest(call, chop, model, flags));
        await tuned.close();
        const result = tuned.training;
        return { result, text: async () => (await import('../written-text.js')).trainedText(result, flags.prune !== undefined) };
      }),
    );
}

async function sourceOf(model: string | undefined, { fromScratch, tokenizer }: TrainFlags): Promise<Parameters<Verbs['train']>[0]> {
  const { UsageError } = await import('@chop/core/error');
  if (fromScratch === undefined && model === undefined)
    throw new UsageError('ARGUMENT_MISSING', {
      found: 'no model to train',
      expected: 'a MODEL, or --from-scratch CONFIG',
      remedy: 'For example: chop train embedded --data embedded --tokens 100k --out tuned',
    });
  if (fromScratch === undefined) return model!;
  if (model !== undefined) throw new UsageError('OPTION_CONFLICT', { found: `${model} and --from-scratch ${fromScratch}`, expected: 'one of them' });
  return { fromScratch, ...given({ tokenizer }) };
}

async function trainRequest(call: Call, chop: Verbs, model: string | undefined, flags: TrainFlags & Record<string, unknown>): Promise<TrainRequest> {
  const { data, out, resume, prune, distill, teacher, valid, calibration, samples, calibrationWindow: window, dtype, set = [], distillSet = [] } = flags;
  const { UsageError } = await import('@chop/core/error');
  const { shareOut } = await import('../settings.js');
  const plugins = chop.plugins();
  const optionsOf = (name: string): string[] =>
    Object.keys((plugins.find((plugin) => plugin.name === name)?.options as { properties?: object } | undefined)?.properties ?? {});
  const chosen = [prune, distill].filter((name) => name !== undefined).map((name) => ({ name, options: optionsOf(name) }));
  const settings = shareOut([...set, ...distillSet.map((text) => `${distill}.${text}`)], chosen);
  const from = teacher ?? model;
  if (distillSet.length > 0 && distill === undefined)
    throw new UsageError('OPTION_MISSING', { found: '--distill-set without --distill', expected: '--distill STRATEGY' });
  if (distill !== undefined && from === undefined)
    throw new UsageError('OPTION_MISSING', { found: '--distill without a teacher', expected: '--teacher MODEL' });
  if (teacher !== undefined && distill === undefined)
    throw new UsageError('OPTION_MISSING', {
      found: '--teacher without --distill',
      expected: '--distill STRATEGY',
      remedy: 'For example: --distill distill-logits',
    });
  const looksAt = given({ data: calibration, samples, window });
  return {
    ...call.common,
    data,
    out,
    ...trainingChoices(flags),
    ...given({ resume, valid, dtype, for: flags.for }),
    ...call.force,
    ...(prune === undefined ? {} : { prune: chop.method(prune, settings.get(prune)) }),
    ...(distill === undefined ? {} : { loss: chop.loss(distill, { ...settings.get(distill), teacher: from! }) }),
    ...(Object.keys(looksAt).length === 0 ? {} : { calibration: looksAt }),
  };
}
