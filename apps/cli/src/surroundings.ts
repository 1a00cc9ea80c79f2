import { Console } from 'node:console';
import type { Readable } from 'node:stream';
import type { Chop } from '@chop/chop';

/** The verbs that commands call. */
export type Verbs = Omit<Chop, 'parts' | 'with'>;

/** What can be done about engines. */
export type Engines = Pick<typeof import('@chop/kernels'), 'diagnoseEngine' | 'installEngine'>;

/** A stream that is written to; perhaps a terminal. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Whatever tells that somebody pressed Ctrl-C. */
export interface Signals {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  off(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
}

/** All that a command touches beside its arguments; a test gives its own. */
export interface Surroundings {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: Pick<Readable, typeof Symbol.asyncIterator>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signals: Signals;
  /** Ends at once. */
  readonly exit: (exitCode: number) => void;
  /** The parts, wired, with the packages of third parties that the user named. */
  readonly compose: (options: { plugins: readonly string[] }) => Promise<Verbs>;
  readonly engines: () => Promise<Engines>;
}

/** This process. What computes is imported when a command asks for it, so that `chop --help` answers at once. */
export function thisProcess(): Surroundings {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    environment: process.env,
    signals: process,
    exit: (exitCode) => process.exit(exitCode),
    compose: async (options) => (await import('@chop/chop')).compose(options),
    engines: () => import('@chop/kernels'),
  };
}

/**
 * Makes standard output carry results only: what a package says on the console goes to standard error. A reader that has seen
 * enough (`chop inspect MODEL | head`) ends the program quietly.
 */
export function guardStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  process.stderr.on('error', () => {});
  globalThis.console = new Console(process.stderr, process.stderr);
}
