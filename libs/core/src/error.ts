import { closest } from 'fastest-levenshtein';

/** What an error knows beside its code: what was found, what was expected, what to do, and where. */
export interface Facts {
  readonly found?: string;
  readonly expected?: string;
  /** What the user can type or do now. */
  readonly remedy?: string;
  readonly file?: string;
  readonly line?: number;
  readonly cause?: unknown;
  readonly [fact: string]: unknown;
}

/** A text of a file can be of any length: more of it would hide what the message says. */
const MAX_FACT_CHARACTERS = 1000;
/** What {@link shown} shows of a value. */
const SHOWN_CHARACTERS = 120;

/** Exit codes of the command line. */
export const EXIT = { done: 0, failed: 1, usage: 2, missing: 3, interrupted: 130 } as const;

/**
 * An error that explains itself. `code` is stable and part of the public contract; `facts` hold what was
 * found, what was expected and the remedy; `exitCode` is what the command line ends with.
 */
export class ChopError extends Error {
  readonly code: string;
  readonly facts: Facts;
  readonly exitCode: number;

  constructor(code: string, given: Facts, exitCode: number = EXIT.failed) {
    const facts = shortened(given);
    super(sentence(code, facts), facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = new.target.name;
    this.code = code;
    this.facts = facts;
    this.exitCode = exitCode;
  }

  /** The same error that knows more, such as the file it is about; what it knew already stays. */
  with(facts: Facts): ChopError {
    const more = new ChopError(this.code, { ...facts, ...this.facts }, this.exitCode);
    more.name = this.name;
    return Object.setPrototypeOf(more, Object.getPrototypeOf(this) as object) as ChopError;
  }

  /** `{ code, message, remedy, … }`: what `--json` prints under `error`. */
  toJSON(): Record<string, unknown> {
    const { cause, ...facts } = this.facts;
    return { code: this.code, message: this.message, ...facts, ...(cause instanceof Error ? { cause: cause.message } : {}) };
  }
}

/** Broken, missing or contradictory model files. */
export class CheckpointError extends ChopError {
  constructor(code: string, facts: Facts) {
    super(code, facts, EXIT.usage);
  }
}

/** An edit or plan that does not fit the model it is applied to. */
export class PlanError extends ChopError {
  constructor(code: string, facts: Facts) {
    super(code, facts, EXIT.usage);
  }
}

/** Wrong options, a misspelt key, an impossible request. */
export class UsageError extends ChopError {
  constructor(code: string, facts: Facts) {
    super(code, facts, EXIT.usage);
  }
}

/** Text or token data that cannot be used. */
export class DataError extends ChopError {
  constructor(code: string, facts: Facts) {
    super(code, facts, EXIT.usage);
  }
}

/** A plugin that is missing, broken or built for another contract. */
export class PluginError extends ChopError {
  constructor(code: string, facts: Facts) {
    super(code, facts, EXIT.usage);
  }
}

/** Shapes or dtypes that do not fit a kernel. */
export class ShapeError extends ChopError {
  constructor(code: string, facts: Facts) {
    super(code, facts, EXIT.failed);
  }
}

/** The engine or the hardware that was asked for is not there. */
export class EngineError extends ChopError {
  constructor(code: string, facts: Facts) {
    super(code, facts, EXIT.missing);
  }
}

/** Training that cannot go on. */
export class TrainingError extends ChopError {
  constructor(code: string, facts: Facts) {
    super(code, facts, EXIT.failed);
  }
}

/** Writing was refused (something else is there: wrong use) or failed; nothing is half written. */
export class OutputError extends ChopError {
  constructor(code: string, facts: Facts) {
    super(code, facts, code === 'OUTPUT_EXISTS' || code === 'OUTPUT_FOREIGN' ? EXIT.usage : EXIT.failed);
  }
}

/** The user asked to stop; state was saved where there was any. */
export class InterruptedError extends ChopError {
  constructor(facts: Facts = {}) {
    super('INTERRUPTED', facts, EXIT.interrupted);
  }
}

/** Throws {@link InterruptedError} when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new InterruptedError({ found: 'the run was interrupted' });
}

/** The known name that is spelt most like `word`: for "did you mean". */
export function nearest(word: string, known: readonly string[]): string | undefined {
  return known.length === 0 ? undefined : closest(word, [...known]);
}

/** A value of a file as a message shows it: JSON, its beginning; whatever it is (a list that holds itself, lists in lists without end). */
export function shown(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    text = Array.isArray(value) ? 'a list that cannot be shown' : 'an object that cannot be shown';
  }
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

function shortened(facts: Facts): Facts {
  const long = Object.entries(facts).filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1].length > MAX_FACT_CHARACTERS);
  return long.length === 0 ? facts : { ...facts, ...Object.fromEntries(long.map(([name, text]) => [name, `${text.slice(0, MAX_FACT_CHARACTERS)}…`])) };
}

function sentence(code: string, { file, line, found, expected, remedy }: Facts): string {
  const where = file === undefined ? '' : `${file}${line === undefined ? '' : `:${line}`}: `;
  const what = [found === undefined ? undefined : `found ${found}`, expected === undefined ? undefined : `expected ${expected}`];
  const body = what.filter((part) => part !== undefined).join(', ') || code.toLowerCase().replaceAll('_', ' ');
  return `${where}${body}.${remedy === undefined ? '' : ` ${remedy}`}`.replace(/\.\.(\s|$)/g, '.$1');
}
