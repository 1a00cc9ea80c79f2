import type { Common } from '@chop/chop';
import type { EngineName } from '@chop/kernels';
import type { Command } from 'commander';
import { failureOf } from './failure.js';
import { given } from './given.js';
import { Interrupt } from './interrupt.js';
import { type Paint, paintFor } from './paint.js';
import type { Surroundings, Verbs } from './surroundings.js';
import { Terminal } from './terminal.js';

/** The options that every command has. */
export interface Everywhere {
  readonly plugin?: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly seed?: number;
  readonly engine?: EngineName;
  readonly threads?: number;
  readonly memoryLimit?: string;
  readonly force?: boolean;
  readonly logLevel: LogLevel;
}

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a command came to: for programs, and in words. */
export interface Answer {
  readonly result: object;
  /** For people; may hold line ends, needs none at its end. */
  readonly text: () => string | Promise<string>;
  /** Other than 0 where there is a result and yet it is a bad one. */
  readonly exitCode?: number;
}

/** One call of one command: its surroundings, and the options that every command has. */
export class Call {
  readonly surroundings: Surroundings;
  readonly options: Everywhere;
  readonly terminal: Terminal;
  readonly paint: Paint;
  readonly interrupt: Interrupt;

  constructor(surroundings: Surroundings, options: Everywhere) {
    const { stdout, stderr, environment, signals, exit } = surroundings;
    this.surroundings = surroundings;
    this.options = options;
    this.paint = paintFor(stdout, environment);
    this.terminal = new Terminal({ stream: stderr, environment, quiet: options.quiet === true || options.logLevel === 'error' || options.logLevel === 'warn' });
    this.interrupt = new Interrupt(signals, { onFirst: () => this.terminal.message('saving… press Ctrl-C again to stop at once'), exit });
  }

  get json(): boolean {
    return this.options.json === true;
  }

  /** `force` for requests that take it. */
  get force(): { force?: true } {
    return this.options.force ? { force: true } : {};
  }

  /** What every verb that computes takes. */
  get common(): Common {
    const { engine, threads, memoryLimit, seed } = this.options;
    return {
      ...given({ engine, threads, memoryLimit, seed }),
      signal: this.interrupt.signal,
      onProgress: (progress) => this.terminal.progress(progress),
      onMessage: (line) => this.terminal.message(line),
    };
  }

  /** The verbs, with the packages that `--plugin` names. */
  chop(): Promise<Verbs> {
    return this.surroundings.compose({ plugins: this.options.plugin ?? [] });
  }

  /** Text on standard output while the command works; nothing with `--json`. */
  print(text: string): void {
    if (!this.json) this.surroundings.stdout.write(text);
  }

  async answer({ result, text }: Answer): Promise<void> {
    this.terminal.end();
    const whole = this.json ? JSON.stringify(result) : await text();
    if (whole !== '') this.surroundings.stdout.write(whole.endsWith('\n') ? whole : `${whole}\n`);
  }
}

/** Tells a failure as `--json` or a person wants it; returns the exit code. */
export function tell(
  error: unknown,
  { stdout, stderr, environment }: Surroundings,
  options: { json: boolean; debug: boolean; help: string; aborted: boolean },
): number {
  const { exitCode, json, lines } = failureOf(error, options);
  const { red } = paintFor(stderr, environment);
  if (options.json) stdout.write(`${JSON.stringify({ error: json })}\n`);
  else stderr.write(`${lines.map((line, index) => (index === 0 ? line.replace(/^chop: \w+/, red) : line)).join('\n')}\n`);
  if (options.debug && error instanceof Error) stderr.write(`${stackOf(error)}\n`);
  return exitCode;
}

function stackOf(error: Error): string {
  const { stack = error.message, cause } = error;
  return cause instanceof Error ? `${stack}\ncaused by ${stackOf(cause)}` : stack;
}

/** Turns what a command does into what commander calls. */
export type Action = <Flags>(handler: (call: Call, words: string[], flags: Flags) => Promise<Answer>) => (...received: unknown[]) => Promise<void>;

/** Calls handlers, one per run of the program, and remembers what came out. */
export class Caller {
  readonly #surroundings: Surroundings;
  call: Call | undefined;
  exitCode = 0;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  readonly action: Action =
    (handler) =>
    async (...received) => {
      const command = received.at(-1) as Command;
      const flags = command.optsWithGlobals();
      this.call = new Call(this.#surroundings, flags as unknown as Everywhere);
      const answer = await handler(this.call, command.args, flags as never);
      await this.call.answer(answer);
      this.exitCode = answer.exitCode ?? 0;
    };

  /** Takes down what a call put up, however it ended. */
  end(): void {
    this.call?.terminal.end();
    this.call?.interrupt.release();
  }
}
