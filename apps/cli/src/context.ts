import type { Chop, Common } from '@chop/chop';
import type { Stream, Terminal } from './terminal.js';

/** The flags that every command takes. */
export interface GlobalFlags {
  readonly plugin?: string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly seed?: number;
  readonly engine?: NonNullable<Common['engine']>;
  readonly threads?: number;
  readonly force?: boolean;
  readonly logLevel?: 'debug' | 'info' | 'error';
}

/** What a command's action works with. */
export interface Context {
  readonly flags: GlobalFlags;
  readonly stdout: Stream;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** Composes the parts, with the plugins that were named, from the user's project. */
  chop(): Promise<Chop>;
  /** Engine, threads, seed, signal, progress and messages for a verb. */
  common(): Common & { force?: boolean };
  /** The result: with --json the one object on standard output, else what `text` makes of it. */
  print(result: object, text: () => string): void;
}
