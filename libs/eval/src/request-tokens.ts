import { DataError, type TextCodec } from '@chop/core';
import { rstrip } from './python-text.js';

/** How texts become what the model reads. */
export interface EncodingOptions {
  readonly tokenizer: TextCodec;
  /** Tokens that the model sees at most. */
  readonly maxLength: number;
  /** Put the begin-of-text token first; by default as the model's tokenizer does. */
  readonly bos?: boolean;
}

/** Input and targets of a request, and how many tokens of its context were left away. */
export interface EncodedPair {
  readonly input: readonly number[];
  readonly targets: readonly number[];
  readonly truncated: number;
}

/** Makes token requests of texts, as lm-eval 0.4.9 does. */
export class RequestEncoder {
  readonly #tokenizer: TextCodec;
  readonly #maxLength: number;
  readonly #before: readonly number[];

  /** @throws {@link DataError} `BOS_MISSING` when a begin-of-text token is asked of a tokenizer that has none. */
  constructor({ tokenizer, maxLength, bos }: EncodingOptions) {
    this.#tokenizer = tokenizer;
    this.#maxLength = maxLength;
    if (bos === true && tokenizer.bosId === undefined)
      throw new DataError('BOS_MISSING', { found: 'a tokenizer without a begin-of-text token', expected: 'one, for --bos', remedy: 'Leave --bos away.' });
    const own = tokenizer.before;
    this.#before =
      bos === undefined ? own : bos ? (own.includes(tokenizer.bosId!) ? own : [tokenizer.bosId!, ...own]) : own.filter((id) => id !== tokenizer.bosId);
  }

  /** What stands before a text that has nothing before it: begin-of-text, or end-of-text where there is none. */
  get prefixId(): number {
    const id = this.#tokenizer.bosId ?? this.#tokenizer.eosId;
    if (id !== undefined) return id;
    throw new DataError('BOS_MISSING', {
      found: 'a tokenizer with neither a begin-of-text nor an end-of-text token',
      expected: 'one of them, to stand before a text with no context',
      remedy: 'Name it in tokenizer_config.json.',
    });
  }

  /** Ids of a context, with what the tokenizer puts before a text. */
  context(text: string): number[] {
    return [...this.#before, ...this.#tokenizer.encode(text)];
  }

  /**
   * A context and what follows it. Spaces at the context's end go to the continuation; both are encoded as one text, and cut where the context alone
   * would end (lm-eval, `_encode_pair`). What is too long loses its beginning.
   *
   * @throws {@link DataError} `TASK_CONTINUATION` when the continuation has no token of its own, or more than the model can see.
   */
  pair(context: string, continuation: string): EncodedPair {
    const trimmed = rstrip(context);
    const moved = context.slice(trimmed.length) + continuation;
    if (trimmed === '') return this.#cut([this.prefixId], this.#tokenizer.encode(moved), moved);
    const whole = this.context(trimmed + moved);
    const { length } = this.context(trimmed);
    return this.#cut(whole.slice(0, length), whole.slice(length), continuation);
  }

  /** A text's windows: no token is predicted twice, and the last window goes back as far as the model can see (lm-eval's rolling windows with a context of 1). */
  windows(text: string): EncodedPair[] {
    const ids = this.#tokenizer.encode(text);
    const windows: EncodedPair[] = [];
    for (let from = 0; from < ids.length; from += this.#maxLength) {
      const to = Math.min(ids.length, from + this.#maxLength);
      const input = from === 0 ? [this.prefixId, ...ids.slice(0, to - 1)] : ids.slice(to - this.#maxLength - 1, to - 1);
      windows.push({ input, targets: ids.slice(from, to), truncated: 0 });
    }
    return windows;
  }

  #cut(context: readonly number[], targets: readonly number[], continuation: string): EncodedPair {
    if (targets.length === 0 || targets.length > this.#maxLength)
      throw new DataError('TASK_CONTINUATION', {
        found: `a continuation of ${targets.length} tokens: ${JSON.stringify(continuation.slice(0, SHOWN_CHARACTERS))}`,
        expected: `1 to ${this.#maxLength}`,
        remedy: targets.length === 0 ? 'Mend the choice, or the target delimiter.' : 'Leave the example out, or let the model see more (--max-length).',
      });
    const ids = [...context, ...targets];
    const truncated = Math.max(0, ids.length - 1 - this.#maxLength);
    return { input: ids.slice(truncated, -1), targets, truncated };
  }
}

/** A continuation is shown up to here. In characters. */
const SHOWN_CHARACTERS = 60;
