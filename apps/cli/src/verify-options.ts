import type { RuntimeName, SaveRequest } from '@chop/chop';
import { type Command, Option } from 'commander';
import { given } from './given.js';

/** Flags of the commands that write models. */
export interface VerifyFlags {
  /** `false` after `--no-verify`. */
  readonly verify?: 'auto' | 'required' | false;
  readonly runtime?: RuntimeName;
}

const RUNTIMES: readonly RuntimeName[] = ['onnxruntime', 'transformers.js', 'llama.cpp'];

/** Whether and in which runtime a model that was written is opened again. */
export function addVerifyOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--verify <when>', 'open what was written in the runtime that it is for: where that is there, or always').choices(['auto', 'required']),
    )
    .option('--no-verify', 'do not open it again')
    .addOption(runtimeOption('--runtime <name>', 'the runtime that must open it'));
}

/** One of the runtimes that chop knows. */
export const runtimeOption = (flags: string, description: string): Option => new Option(flags, description).choices(RUNTIMES);

export function verifyRequest({ verify, runtime }: VerifyFlags): Pick<SaveRequest, 'verify' | 'runtime'> {
  return given({ verify: verify === false ? ('none' as const) : verify, runtime });
}
