import type { Command } from 'commander';
import { Caller, tell } from './call.js';
import { buildProgram } from './program.js';
import { guardStreams, type Surroundings, thisProcess } from './surroundings.js';
import { arrange, findCommand, fullName } from './words.js';

/**
 * The command line.
 *
 * @param argv - as `process.argv` has it: the words of the command come third.
 * @param surroundings - in place of what this process has.
 * @returns the exit code: 0 done, 1 failed, 2 wrong use or bad input, 3 missing engine or hardware, 130 interrupted.
 */
export async function main(argv: readonly string[] = process.argv, given: Partial<Surroundings> = {}): Promise<number> {
  const words = argv.slice(2);
  if (given.stdout === undefined) guardStreams();
  const surroundings = { ...thisProcess(), ...given };
  const caller = new Caller(surroundings);
  const program = buildProgram(caller.action, { writeOut: (text) => surroundings.stdout.write(text), columns: surroundings.stdout.columns });
  try {
    await program.parseAsync(arrange(words, program), { from: 'user' });
    return caller.exitCode;
  } catch (error) {
    const { code, exitCode } = error as { code?: string; exitCode?: number };
    // Nothing was asked: `chop`, `chop engine`.
    if (code === 'commander.help') findCommand(words, program).command.outputHelp();
    // Commander throws, too, when it has shown help or the version.
    if (code?.startsWith('commander.') && (code === 'commander.help' || exitCode === 0)) return 0;
    caller.end();
    return tell(error, surroundings, circumstances(words, program, caller));
  } finally {
    caller.end();
  }
}

function circumstances(words: readonly string[], program: Command, { call }: Caller): Parameters<typeof tell>[2] {
  const end = words.indexOf('--');
  const own = end === -1 ? words : words.slice(0, end);
  const { logLevel } = program.opts<{ logLevel?: string }>();
  return {
    json: own.includes('--json'),
    debug: logLevel === 'debug',
    help: `${fullName(findCommand(words, program).command)} --help`,
    aborted: call?.interrupt.signal.aborted === true,
  };
}
