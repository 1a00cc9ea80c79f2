import { DataError, Random, throwIfAborted } from '@chop/core';
import { documentTokens, type TokenTable } from './packing.js';
import type { Document } from './text.js';
import type { Tokenizer } from './tokenizer.js';
import { type Batch, hasPrediction, rowsAt } from './window-rows.js';
import { noAnswers, tooShort, type WindowOptions } from './windows.js';

/** A place in a text: so many documents on, and so many tokens of the next. */
export type TextPlace = readonly [document: number, token: number];

/** What is known of a text that has been read: where its blocks begin, and how many windows it has once its end was seen. */
export interface TextPlaces {
  readonly blocks: readonly TextPlace[];
  readonly windows?: number;
}

/** Keeps what is known of a text from one run to the next. Without it a run that goes on reads all text before its place again, the same to the bit. */
export interface PlaceKeeper {
  read(): Promise<TextPlaces | undefined>;
  write(places: TextPlaces): Promise<void>;
}

/** How a text of any length is cut into batches. */
export interface StreamOptions extends WindowOptions {
  /** Windows in memory, among which the order is random. */
  readonly shuffleBuffer: number;
}

/** Up to {@link StreamOptions.shuffleBuffer} consecutive windows of the text, one behind the other. */
interface Block {
  readonly number: number;
  readonly table: TokenTable;
  readonly size: number;
}

/** One window, where its documents begin, and the place behind it. */
interface ReadWindow {
  readonly table: TokenTable;
  readonly end: TextPlace;
}

/**
 * A text of any length in windows: read as a stream, a block of consecutive windows in memory at a time. `sequential` is the order of the text;
 * `shuffled` a seeded order within each block, another in each epoch: what windows a batch has is a function of its index and the seed,
 * as with {@link Windows}, so that a run goes on anywhere. Windows in which no prediction counts are left out; nothing is shifted.
 */
export class StreamedWindows {
  readonly #open: () => AsyncGenerator<Document>;
  readonly #tokenizer: Tokenizer;
  readonly #options: StreamOptions;
  #places: TextPlace[] = [[0, 0]];
  /** Windows of the text, once its end was seen. */
  #count: number | undefined;
  #keeper: PlaceKeeper | undefined;
  #block: Block | undefined;
  #order: { epoch: number; block: number; order: Int32Array } | undefined;
  #reader: { next: number; windows: AsyncGenerator<ReadWindow, void> } | undefined;
  /** Stops the reading before a run begins; later an interrupted run ends its step, and saves. */
  #signal: AbortSignal | undefined;

  /** @param open - the documents from the start, the same each time. */
  constructor(open: () => AsyncGenerator<Document>, tokenizer: Tokenizer, options: StreamOptions) {
    this.#open = open;
    this.#tokenizer = tokenizer;
    this.#options = options;
  }

  /**
   * Reads on to a batch, so that what is wrong with the text is told before a model is trained on it.
   *
   * @throws {@link DataError} what `openDocuments` and `tokenise` throw; `DATA_SHORT`, `DATA_NO_ANSWERS` as {@link Windows} does;
   * `DATA_CHANGED` when the text is not the one that the keeper knows.
   */
  async ready(index: number, { keeper, signal }: { readonly keeper?: PlaceKeeper; readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    this.#keeper = keeper;
    const known = await keeper?.read();
    if (known && known.blocks.length >= this.#places.length) {
      this.#places = [...known.blocks];
      this.#count ??= known.windows;
    }
    this.#signal = signal;
    await this.#rowOf(index * this.#options.batchSize);
    this.#signal = undefined;
  }

  async batch(index: number): Promise<Batch> {
    const { batchSize, window } = this.#options;
    const rows: Batch[] = [];
    for (let row = 0; row < batchSize; row++) rows.push(await this.#rowOf(index * batchSize + row));
    const [{ segments, weights }] = rows as [Batch];
    const joined = <T extends Int32Array | Float32Array>(all: T, of: (row: Batch) => T): T => (rows.forEach((row, i) => all.set(of(row), i * window)), all);
    return {
      ids: joined(new Int32Array(batchSize * window), ({ ids }) => ids),
      batchSize,
      window,
      ...(segments ? { segments: joined(new Int32Array(batchSize * window), (row) => row.segments!) } : {}),
      ...(weights ? { weights: joined(new Float32Array(batchSize * window), (row) => row.weights!) } : {}),
    };
  }

  /** Lets go of the files. */
  async close(): Promise<void> {
    await this.#reader?.windows.return();
    this.#reader = undefined;
  }

  async #rowOf(sequence: number): Promise<Batch> {
    const { shuffleBuffer, order, window } = this.#options;
    const epoch = this.#count === undefined ? 0 : Math.floor(sequence / this.#count);
    const place = sequence - epoch * (this.#count ?? 0);
    const block = await this.#blockOf(Math.floor(place / shuffleBuffer));
    const within = place % shuffleBuffer;
    // The text has ended before: now its length is known.
    if (block === undefined || within >= block.size) return this.#rowOf(sequence);
    return rowsAt(block.table, [window * (order === 'shuffled' ? this.#orderOf(epoch, block)[within]! : within)], this.#options);
  }

  #orderOf(epoch: number, { number, size }: Block): Int32Array {
    if (this.#order?.epoch !== epoch || this.#order.block !== number)
      this.#order = { epoch, block: number, order: Random.of(this.#options.seed, 'blocks', epoch, number).permutation(size) };
    return this.#order.order;
  }

  /** A block, or nothing where the text ends before it. */
  async #blockOf(number: number): Promise<Block | undefined> {
    if (this.#block?.number === number) return this.#block;
    if (this.#reader?.next !== number) {
      await this.close();
      const next = Math.min(number, this.#places.length - 1);
      this.#reader = { next, windows: this.#windowsFrom(this.#places[next]!) };
    }
    let block: Block | undefined;
    do block = await this.#readBlock(this.#reader!);
    while (block?.size === this.#options.shuffleBuffer && block.number < number);
    return block?.number === number ? block : undefined;
  }

  /** The next block of a reader. */
  async #readBlock(reader: { next: number; windows: AsyncGenerator<ReadWindow, void> }): Promise<Block | undefined> {
    const { window, shuffleBuffer } = this.#options;
    this.#block = undefined;
    const ids = new Int32Array(shuffleBuffer * window);
    const answers = new Uint8Array(shuffleBuffer * window);
    const documents: number[] = [];
    let conversations = false;
    let size = 0;
    let end: TextPlace | undefined;
    while (size < shuffleBuffer) {
      const { value, done } = await reader.windows.next();
      if (done) break;
      const { table } = value as ReadWindow;
      ids.set(table.ids, size * window);
      for (const start of table.documents!) documents.push(size * window + start);
      if (table.answers) answers.set(table.answers, size * window);
      conversations ||= table.answers !== undefined;
      end = (value as ReadWindow).end;
      size++;
    }
    const number = reader.next++;
    if (size === shuffleBuffer) await this.#learn(number + 1, end!);
    else await this.#learnEnd(number * shuffleBuffer + size);
    if (size === 0) return undefined;
    const table = { ids: ids.subarray(0, size * window), documents: Int32Array.from(documents), ...(conversations ? { answers } : {}) };
    return (this.#block = { number, table, size });
  }

  async #learn(block: number, place: TextPlace): Promise<void> {
    const known = this.#places[block];
    if (known && String(known) !== String(place)) throw changed(`another text before window ${block * this.#options.shuffleBuffer}`, 'the text');
    if (known) return;
    this.#places.push(place);
    await this.#keep();
  }

  async #learnEnd(windows: number): Promise<void> {
    if (this.#count === windows) return;
    if (this.#count !== undefined) throw changed(`${windows} windows`, `the ${this.#count}`);
    this.#count = windows;
    await this.#keep();
  }

  async #keep(): Promise<void> {
    await this.#keeper?.write({ blocks: this.#places, ...(this.#count === undefined ? {} : { windows: this.#count }) });
  }

  /** The windows with something to learn from a place on. */
  async *#windowsFrom([document, token]: TextPlace): AsyncGenerator<ReadWindow, void> {
    const { window } = this.#options;
    let pending = new Pending(window);
    let windows = 0;
    let useful = 0;
    let conversations = false;
    let number = -1;
    for await (const each of this.#open()) {
      throwIfAborted(this.#signal);
      if (++number < document) continue;
      const gone = number === document ? token : 0;
      let at = 0;
      for (const { ids, answers } of documentTokens(each, this.#tokenizer)) {
        for (let i = 0; i < ids.length; i++, at++) {
          if (at < gone) continue;
          if (!pending.add(ids[i]!, at === 0, answers && answers[i] === 1)) continue;
          windows++;
          conversations ||= answers !== undefined;
          if (hasPrediction(pending.table, 0, this.#options)) {
            useful++;
            yield { table: pending.table, end: [number, at + 1] };
          }
          pending = new Pending(window);
        }
      }
    }
    if (useful > 0 || document > 0 || token > 0) return;
    if (windows === 0) throw tooShort(pending.length, this.#options);
    throw noAnswers(windows, this.#options, conversations);
  }
}

function changed(found: string, expected: string): DataError {
  return new DataError('DATA_CHANGED', {
    found,
    expected: `${expected} that the run began with`,
    remedy: 'Give the data as it was, or start again with --force.',
  });
}

/** A window that is being filled. */
class Pending {
  length = 0;
  readonly #ids: Int32Array;
  readonly #starts: number[] = [];
  #answers: Uint8Array | undefined;

  constructor(window: number) {
    this.#ids = new Int32Array(window);
  }

  /** @returns whether it is full. */
  add(id: number, beginsDocument: boolean, isAnswer: boolean | undefined): boolean {
    if (beginsDocument) this.#starts.push(this.length);
    if (isAnswer !== undefined) (this.#answers ??= new Uint8Array(this.#ids.length))[this.length] = Number(isAnswer);
    this.#ids[this.length++] = id;
    return this.length === this.#ids.length;
  }

  get table(): TokenTable {
    return { ids: this.#ids, documents: Int32Array.from(this.#starts), ...(this.#answers ? { answers: this.#answers } : {}) };
  }
}
