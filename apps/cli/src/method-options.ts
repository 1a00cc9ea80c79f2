import { type Command, InvalidArgumentError, Option } from 'commander';
import type { LoaderName, PlanRequest } from '@chop/chop';
import type { Call } from './call.js';
import { given } from './given.js';
import type { Verbs } from './surroundings.js';
import { dataWords, each, joiner, positive } from './option-values.js';

/** Flags of the commands that run a method over a model. */
export interface MethodFlags {
  readonly set?: readonly string[];
  readonly data?: readonly string[];
  readonly samples?: number;
  readonly window?: number;
  readonly join?: string;
  readonly for?: readonly LoaderName[];
}

/** `--set`, and the calibration text that a method looks at. */
export function addMethodOptions(command: Command): Command {
  return command
    .argument('<strategy>', 'the name of a strategy: layer-chop, wanda, … (`chop plugins` lists them)')
    .argument('<model>', 'MODEL')
    .addOption(new Option('--set <name=value>', 'an option of the strategy (repeatable; `chop schema STRATEGY` lists them)').argParser(each))
    .addOption(dataOption('--data <data...>', 'calibration text, for strategies that look at activations'))
    .addOption(new Option('--samples <n>', 'windows of calibration text; 128 if not given').argParser(positive))
    .addOption(new Option('--window <tokens>', 'tokens of a calibration window; 512 if not given').argParser(positive))
    .addOption(joinOption())
    .addOption(loadersOption());
}

export function dataOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(dataWords);
}

export function joinOption(): Option {
  return new Option('--join <text>', 'put between documents instead of the end-of-text token; \\n is a newline').argParser(joiner);
}

const LOADERS: readonly LoaderName[] = ['transformers', 'llama.cpp', 'transformers.js', 'onnxruntime'];

/** `--for llama.cpp,transformers.js` */
export function loadersOption(): Option {
  return new Option('--for <programs>', `programs that must take the result, with commas: ${LOADERS.join(', ')}`).argParser((text): LoaderName[] =>
    text.split(',').map((word) => {
      const loader = LOADERS.find((each) => each === word.trim());
      if (loader === undefined) throw new InvalidArgumentError(`Expected some of ${LOADERS.join(', ')}.`);
      return loader;
    }),
  );
}

/** The strategy of that name, with what `--set` says. */
export async function methodOf(chop: Verbs, strategy: string, { set = [] }: MethodFlags): Promise<ReturnType<Verbs['method']>> {
  return chop.method(strategy, (await import('./settings.js')).settingsOf(set));
}

export function planRequest({ common }: Call, { data, samples, window, join, for: loaders }: MethodFlags): PlanRequest {
  return { ...common, ...given({ data, samples, window, join, for: loaders }) };
}
