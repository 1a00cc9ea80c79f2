import { DataError, Random } from '@chop/core';
import type { TokenTable } from './packing.js';

export interface WindowOptions {
  /** Tokens per sequence. */
  readonly window: number;
  /** Sequences per batch. */
  readonly batchSize: number;
  readonly order: 'shuffled' | 'sequential';
  readonly seed: number;
  /** Number the documents of each sequence, so that attention does not cross them. */
  readonly documentMask?: boolean;
}

/** `batchSize` sequences of `window` token ids, row after row. */
export interface Batch {
  readonly ids: Int32Array;
  readonly batchSize: number;
  readonly window: number;
  /** Like `ids`: the number of the document within its sequence. */
  readonly segments?: Int32Array;
  /** Like `ids`: 1 where the token that follows counts in the loss. */
  readonly weights?: Float32Array;
}

/**
 * A text in windows. Every batch is a function of its index alone, so that a run goes on anywhere without a history.
 * `sequential`: batch s reads tokens `[s·B·W, (s+1)·B·W)`, from the start again at the end. `shuffled`: in each epoch every window once,
 * in a seeded order, the windows shifted by a seeded offset.
 */
export class Windows {
  readonly #table: TokenTable;
  readonly #options: WindowOptions;
  #epoch: { number: number; offset: number; order: Int32Array } | undefined;

  /** @throws {@link DataError} `DATA_SHORT` when the text has less than one window. */
  constructor(table: TokenTable, options: WindowOptions) {
    this.#table = table;
    this.#options = options;
    if (table.ids.length < options.window) {
      throw new DataError('DATA_SHORT', { found: `${table.ids.length} tokens of text`, expected: `at least one window of ${options.window}`, remedy: 'Give more text or a smaller --window.' });
    }
  }

  /** Windows per epoch. */
  get count(): number {
    return Math.floor(this.#table.ids.length / this.#options.window);
  }

  batch(index: number): Batch {
    const { window, batchSize, documentMask } = this.#options;
    const { ids, answers } = this.#table;
    const starts = Array.from({ length: batchSize }, (_, row) => this.#start(index * batchSize + row));
    const fill = <T extends Int32Array | Float32Array>(out: T, value: (position: number, start: number) => number): T => {
      starts.forEach((start, row) => {
        for (let i = 0; i < window; i++) out[row * window + i] = value(start + i, start);
      });
      return out;
    };
    const size = batchSize * window;
    return {
      ids: fill(new Int32Array(size), (position) => ids[position]!),
      batchSize,
      window,
      ...(documentMask ? { segments: this.#segments(starts) } : {}),
      ...(answers ? { weights: fill(new Float32Array(size), (position) => answers[position + 1] ?? 0) } : {}),
    };
  }

  #start(sequence: number): number {
    const { window, order, seed } = this.#options;
    if (order === 'sequential') return (sequence % this.count) * window;
    const number = Math.floor(sequence / this.count);
    if (this.#epoch?.number !== number) {
      const random = Random.of(seed, 'windows', number);
      const offset = random.integer((this.#table.ids.length % window) + 1);
      this.#epoch = { number, offset, order: random.permutation(this.count) };
    }
    return this.#epoch.offset + this.#epoch.order[sequence % this.count]! * window;
  }

  #segments(starts: readonly number[]): Int32Array {
    const { window } = this.#options;
    const { documents } = this.#table;
    const out = new Int32Array(starts.length * window);
    starts.forEach((start, row) => {
      let next = firstAfter(documents, start);
      let segment = 0;
      for (let i = 0; i < window; i++) {
        while (next < documents.length && documents[next]! <= start + i) segment++, next++;
        out[row * window + i] = segment;
      }
    });
    return out;
  }
}

/** The first index whose value is greater than `position` (binary search). */
function firstAfter(sorted: Int32Array, position: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
