import { DataError, Random } from '@chop/core';
import type { TokenTable } from './packing.js';
import { type Batch, hasPrediction, rowsAt } from './window-rows.js';

/** How a row of token ids is cut into batches. */
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

/**
 * A text in windows. Every batch is a function of its index alone, so that a run goes on anywhere without a history.
 * `sequential`: batch s reads tokens `[s·B·W, (s+1)·B·W)`, from the start again at the end. `shuffled`: in each epoch every window once,
 * in a seeded order, the windows shifted by a seeded offset. Where not every prediction counts (answers, documents apart), windows
 * without one that does are left out and nothing is shifted: a batch of them would have no loss.
 */
export class Windows {
  readonly #table: TokenTable;
  readonly #options: WindowOptions;
  /** The windows that have something to learn, by number; all when missing. */
  readonly #useful: Int32Array | undefined;
  #epoch: { number: number; offset: number; order: Int32Array } | undefined;

  /**
   * @throws {@link DataError} `DATA_SHORT` when the text has less than one window; `DATA_DOCUMENTS` when documents shall be masked and
   * the tokenizer does not tell where they begin; `DATA_NO_ANSWERS` when no window holds anything to learn.
   */
  constructor(table: TokenTable, options: WindowOptions) {
    this.#table = table;
    this.#options = options;
    if (table.ids.length < options.window) throw tooShort(table.ids.length, options);
    if (options.documentMask && !table.documents) {
      throw new DataError('DATA_DOCUMENTS', {
        found: 'documents joined by a text, and a tokenizer that does not tell where they begin',
        expected: 'known documents for --document-mask',
        remedy: 'Leave out --join or --document-mask.',
      });
    }
    this.#useful = options.documentMask || table.answers ? this.#windowsThatCount() : undefined;
  }

  /** Windows per epoch. */
  get count(): number {
    return this.#useful?.length ?? Math.floor(this.#table.ids.length / this.#options.window);
  }

  batch(index: number): Batch {
    const { batchSize } = this.#options;
    const starts = Array.from({ length: batchSize }, (_, row) => this.#start(index * batchSize + row));
    return rowsAt(this.#table, starts, this.#options);
  }

  #start(sequence: number): number {
    const { window, order, seed } = this.#options;
    const place = sequence % this.count;
    if (order === 'sequential') return this.#numberOf(place) * window;
    const number = Math.floor(sequence / this.count);
    if (this.#epoch?.number !== number) {
      const random = Random.of(seed, 'windows', number);
      const offset = this.#useful ? 0 : random.integer((this.#table.ids.length % window) + 1);
      this.#epoch = { number, offset, order: random.permutation(this.count) };
    }
    return this.#epoch.offset + this.#numberOf(this.#epoch.order[place]!) * window;
  }

  #numberOf(place: number): number {
    return this.#useful ? this.#useful[place]! : place;
  }

  #windowsThatCount(): Int32Array {
    const { window } = this.#options;
    const all = Int32Array.from({ length: Math.floor(this.#table.ids.length / window) }, (_, number) => number);
    const useful = all.filter((number) => hasPrediction(this.#table, number * window, this.#options));
    if (useful.length > 0) return useful;
    throw noAnswers(all.length, this.#options, this.#table.answers !== undefined);
  }
}

/** `DATA_NO_ANSWERS`: windows, and none of them has anything to learn. */
export function noAnswers(windows: number, { window }: Pick<WindowOptions, 'window'>, conversations: boolean): DataError {
  return new DataError('DATA_NO_ANSWERS', {
    found: `${windows} windows of ${window} tokens without a prediction that counts`,
    expected: conversations ? 'answers of the assistant' : 'documents of several tokens',
    remedy: 'Give other data, or a larger --window.',
  });
}

/** `DATA_SHORT`: less text than one window. */
export function tooShort(tokens: number, { window }: Pick<WindowOptions, 'window'>): DataError {
  return new DataError('DATA_SHORT', {
    found: `${tokens} tokens of text`,
    expected: `at least one window of ${window}`,
    remedy: 'Give more text or a smaller --window.',
  });
}
