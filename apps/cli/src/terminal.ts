import type { Progress } from '@chop/chop';

/** Redraws per second at most. */
const REDRAWS = 10;

/** What a stream must be able to do to be drawn on. */
export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Messages and one progress line on standard error: the only place that draws. */
export class Terminal {
  readonly #stream: Stream;
  readonly #quiet: boolean;
  readonly #color: boolean;
  #line = '';
  #drawn = 0;
  #phase = '';
  #decile = -1;

  constructor(stream: Stream, { quiet = false, environment = process.env }: { quiet?: boolean; environment?: NodeJS.ProcessEnv } = {}) {
    this.#stream = stream;
    this.#quiet = quiet;
    this.#color = stream.isTTY === true && !environment['NO_COLOR'];
  }

  message(line: string): void {
    if (this.#quiet) return;
    this.#clear();
    this.#stream.write(`${line}\n`);
    this.#draw();
  }

  /** An error is told even when everything else is quiet. */
  error(line: string): void {
    this.#clear();
    this.#line = '';
    this.#stream.write(`${this.#color ? `\u001b[31m${line}\u001b[0m` : line}\n`);
  }

  /** On a terminal a bar that is redrawn in place; elsewhere a line for each tenth of the work. */
  progress({ phase, done, total, detail }: Progress): void {
    if (this.#quiet) return;
    const share = done !== undefined && total ? done / total : undefined;
    if (!this.#stream.isTTY) return this.#plain(phase, share, detail);
    this.#line = [phase, share === undefined ? (done?.toLocaleString('en-US') ?? '') : `${bar(share)} ${Math.floor(100 * share)} %`, detail ?? ''].filter(Boolean).join('  ');
    const now = performance.now();
    const finished = share === 1;
    if (!finished && now - this.#drawn < 1000 / REDRAWS) return;
    this.#drawn = now;
    this.#clear();
    if (finished) this.#line = '';
    else this.#draw();
  }

  /** Takes the progress line away. */
  done(): void {
    this.#clear();
    this.#line = '';
  }

  #plain(phase: string, share: number | undefined, detail: string | undefined): void {
    const decile = share === undefined ? -1 : Math.floor(10 * share);
    if (phase === this.#phase && decile <= this.#decile) return;
    if (phase === this.#phase || decile >= 0) this.#stream.write(`${phase}${share === undefined ? '' : ` ${Math.floor(100 * share)} %`}${detail ? `  ${detail}` : ''}\n`);
    this.#phase = phase;
    this.#decile = decile;
  }

  #clear(): void {
    if (this.#stream.isTTY && this.#line !== '') this.#stream.write('\r\u001b[2K');
  }

  #draw(): void {
    if (!this.#stream.isTTY || this.#line === '') return;
    const width = Math.max(10, (this.#stream.columns ?? 80) - 1);
    this.#stream.write([...this.#line].slice(0, width).join(''));
  }
}

function bar(share: number): string {
  const width = 20;
  const full = Math.round(width * Math.min(1, share));
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
}
