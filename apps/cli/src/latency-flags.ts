import { Option } from 'commander';
import { given } from './given.js';
import { positive } from './option-values.js';

/** What the flags say of timing. */
export interface LatencyFlags {
  readonly latency?: boolean;
  readonly batch?: readonly number[];
  readonly context?: readonly number[];
  readonly runs?: number;
}

/** `--latency` and what goes with it. */
export function latencyFlags(description: string): Option[] {
  return [
    new Option('--latency', description),
    new Option('--batch <n,…>', 'texts that are read side by side, each of the list: 1 if not given').argParser(positives),
    new Option('--context <tokens,…>', 'tokens of their prompts, each of the list with each batch: 128 if not given').argParser(positives),
    new Option('--runs <n>', 'prompts that are timed, of each batch and context: 5 if not given').argParser(positive),
  ];
}

/**
 * Whether to time, with which options.
 *
 * @throws {@link UsageError} `EVAL_LATENCY` for an option of timing without `--latency`.
 */
export async function latencyChoice({ latency, batch, context, runs }: LatencyFlags): Promise<true | Record<string, unknown> | undefined> {
  const options = given({ batch, context, runs });
  const [flag] = Object.keys(options);
  if (latency) return flag === undefined ? true : options;
  if (flag === undefined) return undefined;
  const { UsageError } = await import('@chop/core/error');
  throw new UsageError('EVAL_LATENCY', { found: `--${flag} without --latency`, expected: 'both', remedy: `Give --latency, or leave --${flag} away.` });
}

/** `1,4`. */
function positives(text: string): number[] {
  return text.split(',').map(positive);
}
