import type { Progress } from '@chop/chop';
import { printable } from './paint.js';
import { progressBar, progressText, width } from './progress-line.js';
import type { Output } from './surroundings.js';

/** A bar is redrawn at most ten times a second. */
const REDRAW_MILLISECONDS = 100;
/** Where no bar can be drawn, a line now and then shows that work goes on. */
const LINE_MILLISECONDS = 10_000;
const DEFAULT_COLUMNS = 80;

export interface TerminalOptions {
  readonly stream: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Neither progress nor messages. */
  readonly quiet: boolean;
  readonly now?: () => number;
}

/** Standard error: messages, and below them the bar of the work that goes on. */
export class Terminal {
  readonly #stream: Output;
  readonly #quiet: boolean;
  readonly #bars: boolean;
  readonly #now: () => number;
  #phase: string | undefined;
  #phaseAt = 0;
  #shownAt: number;
  #drawn = '';
  #waiting: Progress | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ stream, environment, quiet, now = () => performance.now() }: TerminalOptions) {
    this.#stream = stream;
    this.#quiet = quiet;
    this.#bars = stream.isTTY === true && environment['TERM'] !== 'dumb';
    this.#now = now;
    this.#shownAt = now();
  }

  /** A line that stays. */
  message(line: string): void {
    if (this.#quiet) return;
    const bar = this.#drawn;
    this.#wipe();
    this.#stream.write(`${printable(line)}\n`);
    if (bar !== '') this.#draw(bar);
  }

  progress(progress: Progress): void {
    if (this.#quiet) return;
    const now = this.#now();
    if (progress.phase !== this.#phase) {
      this.#phase = progress.phase;
      this.#phaseAt = now;
    }
    this.#waiting = progress;
    const wait = (this.#bars ? REDRAW_MILLISECONDS : LINE_MILLISECONDS) - (now - this.#shownAt);
    if (wait <= 0 || (this.#bars && this.#drawn === '')) this.#show();
    else if (this.#bars) this.#timer ??= setTimeout(() => this.#show(), wait).unref();
  }

  /** Takes the bar away. */
  end(): void {
    this.#waiting = undefined;
    this.#show();
    this.#wipe();
  }

  #show(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const progress = this.#waiting;
    if (progress === undefined) return;
    const seconds = (this.#now() - this.#phaseAt) / 1000;
    this.#shownAt = this.#now();
    this.#waiting = undefined;
    if (!this.#bars) this.#stream.write(`${printable(progressText(progress, seconds))}\n`);
    else {
      this.#wipe();
      this.#draw(printable(progressBar(progress, seconds, this.#columns() - 1)));
    }
  }

  #draw(line: string): void {
    this.#stream.write(line);
    this.#drawn = line;
  }

  /** A terminal that was made narrower since has broken the line: all its rows go. */
  #wipe(): void {
    if (this.#drawn === '') return;
    const rowsAbove = Math.ceil(width(this.#drawn) / this.#columns()) - 1;
    this.#stream.write(`${rowsAbove > 0 ? `\u001b[${rowsAbove}A` : ''}\r\u001b[J`);
    this.#drawn = '';
  }

  #columns(): number {
    return this.#stream.columns || DEFAULT_COLUMNS;
  }
}
