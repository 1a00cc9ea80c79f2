import { DataError, Random } from '@chop/core';
import type { TokenTable } from './packing.js';

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

/** `batchSize` sequences of `window` token ids, row after row. */
export interface Batch {
  readonly ids: Int32Array;
  readonly batchSize: number;
  readonly window: number;
  /** Like `ids`: the number of the document within its sequence. */
  readonly segments?: Int32Array;
  /** Like `ids`: 1 where the token that follows counts in the loss: it is part of an answer, and with a document mask of the same document. */
  readonly weights?: Float32Array;
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
    if (table.ids.length < options.window) {
      throw new DataError('DATA_SHORT', {
        found: `${table.ids.length} tokens of text`,
        expected: `at least one window of ${options.window}`,
        remedy: 'Give more text or a smaller --window.',
      });
    }
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
    const { window, batchSize, documentMask } = this.#options;
    const starts = Array.from({ length: batchSize }, (_, row) => this.#start(index * batchSize + row));
    const ids = new Int32Array(batchSize * window);
    starts.forEach((start, row) => ids.set(this.#table.ids.subarray(start, start + window), row * window));
    const segments = documentMask ? this.#segments(starts) : undefined;
    const weights = segments || this.#table.answers ? this.#weights(starts, segments) : undefined;
    return { ids, batchSize, window, ...(segments ? { segments } : {}), ...(weights ? { weights } : {}) };
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
    const { window, documentMask } = this.#options;
    const all = Int32Array.from({ length: Math.floor(this.#table.ids.length / window) }, (_, number) => number);
    const useful = all.filter((number) => {
      const start = [number * window];
      return this.#weights(start, documentMask ? this.#segments(start) : undefined).includes(1);
    });
    if (useful.length > 0) return useful;
    throw new DataError('DATA_NO_ANSWERS', {
      found: `${all.length} windows of ${window} tokens without a prediction that counts`,
      expected: this.#table.answers ? 'answers of the assistant' : 'documents of several tokens',
      remedy: 'Give other data, or a larger --window.',
    });
  }

  #segments(starts: readonly number[]): Int32Array {
    const { window } = this.#options;
    const documents = this.#table.documents!;
    const out = new Int32Array(starts.length * window);
    starts.forEach((start, row) => {
      const first = firstAfter(documents, start);
      let next = first;
      for (let i = 0; i < window; i++) {
        while (next < documents.length && documents[next]! <= start + i) next++;
        out[row * window + i] = next - first;
      }
    });
    return out;
  }

  /** The last position of a sequence predicts nothing in it. */
  #weights(starts: readonly number[], segments: Int32Array | undefined): Float32Array {
    const { window } = this.#options;
    const { answers } = this.#table;
    const out = new Float32Array(starts.length * window);
    starts.forEach((start, row) => {
      for (let i = 0; i + 1 < window; i++) {
        const at = row * window + i;
        const counts = answers ? answers[start + i + 1] === 1 : true;
        out[at] = counts && segments?.[at] === segments?.[at + 1] ? 1 : 0;
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
