import { ChopError, EXIT, nearest, UsageError } from '@chop/core/error';
import { Command, CommanderError, Option } from 'commander';
import { COMMANDS } from './commands.js';
import type { Context, GlobalFlags } from './context.js';
import { type Stream, Terminal } from './terminal.js';
import { collect, parseWhole } from './values.js';
import { VERSION } from './version.js';

export interface Streams {
  readonly stdout: Stream;
  readonly stderr: Stream;
}

/** Runs one command line and returns its exit code. */
export async function main(argv: readonly string[], { stdout, stderr }: Streams = process): Promise<number> {
  const abort = new AbortController();
  const release = onInterrupt(abort, stderr);
  const json = argv.includes('--json');
  let flags: GlobalFlags = {};
  const program = build(stdout, stderr, abort.signal, (given) => (flags = given));
  try {
    if (argv.length <= 2) {
      stdout.write(program.helpInformation());
      return EXIT.done;
    }
    await program.parseAsync([...argv]);
    return EXIT.done;
  } catch (cause) {
    if (cause instanceof CommanderError && cause.exitCode === 0) return EXIT.done;
    return report(explain(cause, program), json, flags, { stdout, stderr });
  } finally {
    release();
  }
}

function build(stdout: Stream, stderr: Stream, signal: AbortSignal, onFlags: (flags: GlobalFlags) => void): Command {
  const program = new Command('chop').description('Makes language models smaller: drop layers, prune, distil, recover, measure, export.').version(VERSION);
  const configure = (command: Command): Command =>
    command
      .exitOverride()
      .configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: () => {} })
      .showSuggestionAfterError(true);
  configure(program);
  for (const { name, description, examples, define } of COMMANDS) {
    const command = configure(program.command(name).description(description));
    const act = define(command);
    withGlobals(command);
    if (examples.length > 0) command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}`);
    command.action(async (...args: unknown[]) => {
      const given = command.opts<GlobalFlags & Record<string, unknown>>();
      onFlags(given);
      const context = contextOf(given, stdout, stderr, signal);
      try {
        await act(context, args.slice(0, -2) as (string | undefined)[], given);
      } finally {
        context.terminal.done();
      }
    });
  }
  return program;
}

function withGlobals(command: Command): void {
  command
    .option('--plugin <package>', "a third party's package, from this project (repeatable)", collect)
    .option('--json', 'one JSON object on standard output, nothing else there')
    .option('--quiet', 'no progress, no messages')
    .option('--seed <n>', 'seed of everything random', parseWhole)
    .addOption(new Option('--engine <name>', 'where the arithmetic runs').choices(['tensorflow', 'wasm', 'cpu']))
    .option('--threads <n>', 'threads of the engine', parseWhole)
    .option('--force', 'replace an existing output')
    .addOption(new Option('--log-level <level>', 'how much to tell').choices(['debug', 'info', 'error']));
}

function contextOf(flags: GlobalFlags, stdout: Stream, stderr: Stream, signal: AbortSignal): Context {
  const quiet = flags.quiet === true || flags.logLevel === 'error';
  const terminal = new Terminal(stderr, { quiet });
  return {
    flags,
    stdout,
    terminal,
    signal,
    async chop() {
      const { compose } = await import('@chop/chop');
      return compose({ plugins: flags.plugin ?? [] });
    },
    common: () => ({
      ...(flags.engine ? { engine: flags.engine } : {}),
      ...(flags.threads ? { threads: flags.threads } : {}),
      ...(flags.seed === undefined ? {} : { seed: flags.seed }),
      ...(flags.force ? { force: true } : {}),
      signal,
      onProgress: (progress) => terminal.progress(progress),
      onMessage: (line) => terminal.message(line),
    }),
    print(result, text) {
      terminal.done();
      stdout.write(flags.json ? `${JSON.stringify(result)}\n` : `${text()}\n`);
    },
  };
}

/** The first Ctrl-C asks to save and stop, the second stops at once. */
function onInterrupt(abort: AbortController, stderr: Stream): () => void {
  const hear = (): void => {
    if (abort.signal.aborted) process.exit(EXIT.interrupted);
    stderr.write('\nsaving and stopping; press Ctrl-C again to stop at once\n');
    abort.abort();
  };
  process.on('SIGINT', hear);
  return () => void process.off('SIGINT', hear);
}

/** Commander's complaints in the words of this project. */
function explain(cause: unknown, program: Command): unknown {
  if (!(cause instanceof CommanderError)) return cause;
  const unknown = /unknown command '(.+?)'/.exec(cause.message)?.[1];
  if (unknown) {
    const known = program.commands.map((command) => command.name());
    return new UsageError('COMMAND_UNKNOWN', { found: `command ${unknown}`, expected: `one of ${known.join(', ')}`, remedy: `Did you mean chop ${nearest(unknown, known)}?` });
  }
  return new UsageError('COMMAND_LINE', { found: cause.message.replace(/^error: /, '').replace(/\s+/g, ' '), remedy: 'See chop --help, or chop COMMAND --help.' });
}

function report(cause: unknown, json: boolean, flags: GlobalFlags, { stdout, stderr }: Streams): number {
  const aborted = cause instanceof Error && cause.name === 'AbortError';
  const error = cause instanceof ChopError ? cause : aborted ? new ChopError('INTERRUPTED', { found: 'the command interrupted' }, EXIT.interrupted) : undefined;
  if (json) {
    const told = error?.toJSON() ?? { code: 'BUG', message: cause instanceof Error ? cause.message : String(cause) };
    stdout.write(`${JSON.stringify({ error: told })}\n`);
  }
  const terminal = new Terminal(stderr);
  terminal.error(error ? `chop: ${error.code}: ${error.message}` : `chop: ${cause instanceof Error ? cause.message : String(cause)}\nThis is a bug in chop: please report it with the output of --log-level debug.`);
  if (flags.logLevel === 'debug' && cause instanceof Error) stderr.write(`${cause.stack}\n`);
  return error?.exitCode ?? EXIT.failed;
}
