import type { Command } from 'commander';
import type { InstalledRuntime, RuntimeName } from '@chop/chop';
import type { InstallProgress, InstallResult } from '@chop/kernels';
import type { Action } from '../call.js';
import { examples } from '../examples.js';
import { given } from '../given.js';
import { duration } from '../numbers.js';
import { runtimeOption } from '../verify-options.js';

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
    .summary('the fast engine, and the runtimes of exports')
    .description('Native TensorFlow, which computes many times faster than what npm brings along; and the programs that exported models are opened in.');
  engine
    .command('install')
    .summary('gets native TensorFlow, or a runtime, for this user')
    .description(
      'Downloads the pinned wheel, checks it, compiles the binding and tries it. With --runtime: lets npm put a program into the cache that opens what `chop export` writes. All projects of this user share it.',
    )
    .option('--cuda', 'for NVIDIA GPUs too, with their libraries: 2.2 GB to download')
    .option('--index <url>', 'a package index, or a path of the wheel; else what pip is configured to')
    .addOption(runtimeOption('--runtime <name>', 'not TensorFlow, but a program that exported models are opened in'))
    .addHelpText(
      'after',
      examples('chop engine install', 'chop engine install --cuda', 'chop engine install --index ./wheels', 'chop engine install --runtime llama.cpp'),
    )
    .action(
      action<{ cuda?: true; index?: string; runtime?: RuntimeName }>(async (call, _words, { cuda, index, runtime }) => {
        if (runtime !== undefined) {
          call.terminal.progress({ phase: `install ${runtime}` });
          const installed = await (await call.chop()).installRuntime(runtime, { ...call.force, signal: call.interrupt.signal });
          return { result: installed, text: () => runtimeText(installed) };
        }
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

function runtimeText({ runtime, version, folder, seconds, alreadyThere }: InstalledRuntime): string {
  const what = `${runtime} ${version}`;
  return alreadyThere
    ? `${what} is there already: ${folder}\nTo get it afresh: chop engine install --runtime ${runtime} --force`
    : `${what} installed in ${duration(seconds)}: ${folder}`;
}
