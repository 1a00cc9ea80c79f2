import { EXIT, UsageError } from '@chop/core/error';
import type { CommandDefinition } from '../definition.js';
import { columns, duration } from '../format.js';

export const plugins: CommandDefinition = {
  name: 'plugins',
  description: 'families, methods and evaluators that are loaded',
  examples: ['chop plugins', 'chop plugins --plugin chop-plugin-random --json'],
  define: () => async (context) => {
    const list = (await context.chop()).plugins();
    context.print({ plugins: list }, () => columns(list.map(({ kind, name, package: from, description }) => [kind, name, from, description])));
  },
};

export const schema: CommandDefinition = {
  name: 'schema',
  description: 'JSON Schema of recipes, or of the options of a method',
  examples: ['chop schema', 'chop schema layer-chop'],
  define(command) {
    command.argument('[what]', 'recipe, or a method', 'recipe');
    return async (context, [what]) => {
      const result = (await context.chop()).schema(what!);
      context.print(result, () => JSON.stringify(result, undefined, 2));
    };
  },
};

export const doctor: CommandDefinition = {
  name: 'doctor',
  description: 'what this machine has, and what to do about what it lacks',
  examples: ['chop doctor', 'chop doctor --json'],
  define: () => async (context) => {
    const { diagnoseEngine } = await import('@chop/kernels');
    const checks = [...(await diagnoseEngine()), await pluginCheck(context)];
    const ok = checks.every(({ status }) => status !== 'fail');
    context.print({ ok, checks }, () =>
      checks.map(({ name, status, found, remedy }) => `${{ ok: '✓', warn: '!', fail: '✗' }[status]} ${name}: ${found}${remedy && status !== 'ok' ? `\n    ${remedy}` : ''}`).join('\n'),
    );
    if (!ok) process.exitCode = EXIT.missing;
  },
};

async function pluginCheck(context: Parameters<ReturnType<CommandDefinition['define']>>[0]): Promise<{ name: string; status: 'ok' | 'fail'; found: string; remedy?: string }> {
  try {
    const list = (await context.chop()).plugins();
    return { name: 'plugins', status: 'ok', found: list.map(({ name }) => name).join(', ') };
  } catch (cause) {
    return { name: 'plugins', status: 'fail', found: cause instanceof Error ? cause.message : String(cause), remedy: 'Leave the plugin out, or mend it.' };
  }
}

export const engine: CommandDefinition = {
  name: 'engine',
  description: 'install native TensorFlow for the fast engine',
  examples: ['chop engine install', 'chop engine install --variant cuda', 'chop engine install --index URL'],
  define(command) {
    command.argument('<action>', 'install').option('--variant <name>', 'cpu or cuda', 'cpu').option('--index <url>', "a Python package index, or a wheel file (default: pip's)");
    return async (context, [action], { variant, index }) => {
      if (action !== 'install') throw new UsageError('COMMAND_LINE', { found: `engine ${action}`, expected: 'engine install' });
      if (variant !== 'cpu' && variant !== 'cuda') throw new UsageError('OPTION_VALUE', { found: `--variant ${String(variant)}`, expected: 'cpu or cuda' });
      const { installEngine } = await import('@chop/kernels');
      const result = await installEngine({
        variant,
        ...(index ? { index: String(index) } : {}),
        ...(context.flags.force ? { force: true } : {}),
        signal: context.signal,
        onProgress: ({ phase, done, total }) => context.terminal.progress({ phase, ...(done === undefined ? {} : { done }), ...(total === undefined ? {} : { total }) }),
      });
      context.print(result, () => (result.alreadyThere ? `already there: ${result.folder}` : `TensorFlow ${result.tensorflow} (${result.variant}) in ${duration(result.seconds)}: ${result.folder}`));
    };
  },
};

export const completion: CommandDefinition = {
  name: 'completion',
  description: 'completion of commands for a shell',
  examples: ['source <(chop completion bash)', 'chop completion fish > ~/.config/fish/completions/chop.fish'],
  define(command) {
    command.argument('<shell>', 'bash, zsh or fish');
    return async (context, [shell]) => {
      const { COMMANDS } = await import('../commands.js');
      const names = COMMANDS.map(({ name }) => name).join(' ');
      const scripts: Record<string, string> = {
        bash: `complete -W "${names}" chop`,
        zsh: `compdef '_arguments "1:command:(${names})" "*:file:_files"' chop`,
        fish: COMMANDS.map(({ name, description }) => `complete -c chop -n __fish_use_subcommand -a ${name} -d '${description.replaceAll("'", '’')}'`).join('\n'),
      };
      const script = scripts[shell!];
      if (script === undefined) throw new UsageError('OPTION_VALUE', { found: `shell ${shell}`, expected: Object.keys(scripts).join(', ') });
      context.print({ script }, () => script);
    };
  },
};
