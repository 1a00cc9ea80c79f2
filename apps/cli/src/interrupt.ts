import type { Signals } from './surroundings.js';

const INTERRUPTED = 130;

/** Ctrl-C while a command works: the first time it is asked to save and stop, the second time it is ended. */
export class Interrupt {
  readonly #signals: Signals;
  readonly #controller = new AbortController();
  readonly #listener: () => void;

  constructor(signals: Signals, { onFirst, exit }: { onFirst: () => void; exit: (exitCode: number) => void }) {
    this.#signals = signals;
    this.#listener = () => {
      if (this.signal.aborted) return exit(INTERRUPTED);
      this.#controller.abort();
      onFirst();
    };
    signals.on('SIGINT', this.#listener);
    signals.on('SIGTERM', this.#listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  release(): void {
    this.#signals.off('SIGINT', this.#listener);
    this.#signals.off('SIGTERM', this.#listener);
  }
}
