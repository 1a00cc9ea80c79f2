import { printable } from './paint.js';

/** How a failure is told and what the program ends with. */
export interface Failure {
  readonly exitCode: number;
  /** What `--json` prints under `error`. */
  readonly json: Record<string, unknown>;
  /** One line or two. */
  readonly lines: readonly string[];
}

const FAILED = 1;
const USAGE = 2;
const INTERRUPTED = 130;

/** Commander's codes in this program's words. */
const USAGE_CODES: Readonly<Record<string, string>> = {
  'commander.unknownCommand': 'COMMAND_UNKNOWN',
  'commander.unknownOption': 'OPTION_UNKNOWN',
  'commander.optionMissingArgument': 'OPTION_VALUE',
  'commander.invalidArgument': 'OPTION_VALUE',
  'commander.missingMandatoryOptionValue': 'OPTION_MISSING',
  'commander.conflictingOption': 'OPTION_CONFLICT',
  'commander.missingArgument': 'ARGUMENT_MISSING',
  'commander.excessArguments': 'ARGUMENT_UNKNOWN',
};

/** What core's errors look like, whichever copy of core a plugin brought along. */
interface Explained extends Error {
  readonly code: string;
  readonly exitCode: number;
  readonly facts?: { readonly remedy?: string };
  toJSON?(): Record<string, unknown>;
}

/**
 * Puts an error into words.
 *
 * @param help - the command whose help a misused program names: `chop prune --help`.
 * @param aborted - whether the user asked to stop: then whatever broke off broke off for that.
 */
export function failureOf(error: unknown, { help, aborted }: { help: string; aborted: boolean }): Failure {
  const thrown = error instanceof Error ? error : new Error(String(error));
  const { code } = thrown as { code?: unknown };
  if (typeof code === 'string' && code.startsWith('commander.')) return misuse(thrown, code, help);
  if (isExplained(thrown)) return explained(thrown);
  if (aborted) return told('INTERRUPTED', 'the run was interrupted', undefined, INTERRUPTED);
  // The system's own errors (a full disk, a folder that cannot be read) say what is wrong.
  if (typeof code === 'string' && 'syscall' in thrown) return told(code, thrown.message, undefined, FAILED);
  return told('INTERNAL', thrown.message, 'This is a bug in chop or in a plugin: run it again with --log-level debug and report what it says.', FAILED);
}

function isExplained(error: Error): error is Explained {
  const { code, exitCode } = error as Partial<Explained>;
  return typeof code === 'string' && typeof exitCode === 'number';
}

function explained(error: Explained): Failure {
  const remedy = error.facts?.remedy;
  const message = remedy !== undefined && error.message.endsWith(remedy) ? error.message.slice(0, -remedy.length).trimEnd() : error.message;
  const { json, ...failure } = told(error.code, message, remedy, error.exitCode);
  return { ...failure, json: error.toJSON?.() ?? json };
}

/** `error: unknown option '--kep'\n(Did you mean --keep?)` */
function misuse(error: Error, code: string, help: string): Failure {
  const [first = '', guess] = error.message.split('\n');
  const nearest = guess?.replace(/^\((.*)\)$/, '$1');
  return told(USAGE_CODES[code] ?? 'USAGE', first.replace(/^error: /, ''), `${nearest ? `${nearest} ` : ''}See \`${help}\`.`, USAGE);
}

function told(code: string, message: string, remedy: string | undefined, exitCode: number): Failure {
  const lines = [`chop: ${code}: ${message}`, ...(remedy === undefined ? [] : [remedy])];
  return { exitCode, json: { code, message, ...(remedy === undefined ? {} : { remedy }) }, lines: lines.map(printable) };
}
