import { type Command, Option } from 'commander';
import type { PlanRequest } from '@chop/chop';
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
    .addOption(joinOption());
}

export function dataOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(dataWords);
}

export function joinOption(): Option {
  return new Option('--join <text>', 'put between documents instead of the end-of-text token; \\n is a newline').argParser(joiner);
}

/** The strategy of that name, with what `--set` says. */
export async function methodOf(chop: Verbs, strategy: string, { set = [] }: MethodFlags): Promise<ReturnType<Verbs['method']>> {
  return chop.method(strategy, (await import('./settings.js')).settingsOf(set));
}

export function planRequest({ common }: Call, { data, samples, window, join }: MethodFlags): PlanRequest {
  return { ...common, ...given({ data, samples, window, join }) };
}
