import type { Command } from 'commander';
import type { Context } from './context.js';

/** Options of a command as commander gives them: camelCase names. */
export type Options = Readonly<Record<string, unknown>>;

/** One command: what it is called, what help says, and what it does. */
export interface CommandDefinition {
  readonly name: string;
  readonly description: string;
  /** Real command lines, shown by --help. */
  readonly examples: readonly string[];
  /** Declares arguments and options; returns the action. */
  define(command: Command): (context: Context, args: readonly (string | undefined)[], options: Options) => Promise<void>;
}

/** The named options that were given, as they are. */
export function given(options: Options, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]));
}
