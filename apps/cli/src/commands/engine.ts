import type { Command } from 'commander';
import type { InstallProgress, InstallResult } from '@chop/kernels';
import type { Action } from '../call.js';
import { examples } from '../examples.js';
import { given } from '../given.js';
import { duration } from '../numbers.js';

const PHASES: { readonly [phase in InstallProgress['phase']]: string } = {
  wait: 'wait for another install',
  download: 'download',
  unpack: 'unpack',
  compile: 'compile the binding',
  verify: 'verify by a product',
  kernels: 'compile the native kernels',
};

export function addEngine(program: Command, action: Action): void {
  const engine = program
    .command('engine')
    .summary('the fast engine')
    .description('Native TensorFlow, which computes many times faster than what npm brings along.');
  engine
    .command('install')
    .summary('gets native TensorFlow for this user')
    .description('Downloads the pinned wheel, checks it, compiles the binding and tries it. All projects of this user share it.')
    .option('--cuda', 'for NVIDIA GPUs too, with their libraries: 2.2 GB to download')
    .option('--index <url>', 'a package index, or a path of the wheel; else what pip is configured to')
    .addHelpText('after', examples('chop engine install', 'chop engine install --cuda', 'chop engine install --index ./wheels'))
    .action(
      action<{ cuda?: true; index?: string }>(async (call, _words, { cuda, index }) => {
        const { installEngine } = await call.surroundings.engines();
        const result = await installEngine({
          variant: cuda ? 'cuda' : 'cpu',
          ...given({ index }),
          ...call.force,
          signal: call.interrupt.signal,
          environment: { ...call.surroundings.environment },
          onProgress: ({ phase, ...rest }) => call.terminal.progress({ phase: PHASES[phase], ...rest }),
        });
        return { result, text: () => installedText(result) };
      }),
    );
}

function installedText({ tensorflow, variant, folder, seconds, alreadyThere }: InstallResult): string {
  const what = `TensorFlow ${tensorflow} (${variant})`;
  return alreadyThere
    ? `${what} is there already: ${folder}\nTo make it afresh: chop engine install --force`
    : `${what} installed in ${duration(seconds)}: ${folder}`;
}
