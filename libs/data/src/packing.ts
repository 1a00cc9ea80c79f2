import { setImmediate } from 'node:timers/promises';
import { DataError, throwIfAborted } from '@chop/core';
import { chatTokens } from './chat-tokens.js';
import type { Document } from './text.js';
import type { Tokenizer } from './tokenizer.js';

/** A text as token ids. */
export interface TokenTable {
  readonly ids: Int32Array;
  /** Where each document begins in `ids`, increasing; missing where the tokenizer does not tell. */
  readonly documents?: Int32Array;
  /** For conversations: 1 where a token is part of an answer. */
  readonly answers?: Uint8Array;
}

/** How documents become one row of token ids. */
export interface TokeniseOptions {
  /** Text put between documents; they are then tokenised as one string. Without it, each document ends with the end-of-text token. Conversations end as their template ends them. */
  readonly join?: string;
  /** Stop when there are this many tokens. */
  readonly maxTokens?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (tokens: number) => void;
}

/** Tokens between two looks at the signal and two words of progress: some tens of milliseconds. */
const TOKENS_PER_TURN = 1 << 16;

/**
 * Token ids of documents, one after the other.
 *
 * @throws {@link DataError} `DATA_EMPTY` when there is not one token, `EOS_MISSING` when documents cannot be separated,
 * `CHAT_TEMPLATE…` when a conversation does not fit the model's template.
 */
export async function tokenise(documents: AsyncIterable<Document>, tokenizer: Tokenizer, options: TokeniseOptions = {}): Promise<TokenTable> {
  const { join, maxTokens = Infinity } = options;
  const ids = new TokenList(options);
  const starts: number[] = [];
  const answers: Uint8Array[] = [];
  const texts: string[] = [];
  let characters = 0;
  for await (const document of documents) {
    throwIfAborted(options.signal);
    if (join !== undefined && !document.messages) {
      texts.push(tokenizer.composed(document.text!));
      characters += texts.at(-1)!.length + join.length;
      if (characters > tokenizer.longestToken * maxTokens) break;
    } else {
      starts.push(ids.length);
      for (const part of documentTokens(document, tokenizer)) {
        if (ids.length >= maxTokens) break;
        if (part.answers) answers.push(part.answers);
        ids.append(part.ids);
        if (ids.turnIsDue) await ids.turn();
      }
    }
    if (ids.length >= maxTokens) break;
  }
  const places = texts.length === 0 ? starts : await appendJoined(ids, texts, join!, tokenizer, maxTokens);
  options.onProgress?.(Math.min(ids.length, maxTokens));
  if (ids.length === 0) throw new DataError('DATA_EMPTY', { found: 'no token of text', expected: 'some text', remedy: 'Give another --data.' });
  const length = Math.min(ids.length, maxTokens);
  return {
    ids: ids.take(length),
    ...(places ? { documents: Int32Array.from(places.filter((start) => start < length)) } : {}),
    ...(answers.length > 0 ? { answers: concatenate(answers).subarray(0, length) } : {}),
  };
}

/**
 * A document's tokens part after part: a conversation as its template writes it, or a text and the end-of-text token behind it.
 * @throws {@link DataError} `EOS_MISSING`, `CHAT_TEMPLATE…`
 */
export function* documentTokens(document: Document, tokenizer: Tokenizer): Generator<{ readonly ids: readonly number[]; readonly answers?: Uint8Array }> {
  if (document.messages) yield atPlace(document, () => chatTokens(document.messages!, tokenizer));
  else {
    yield* tokenizer.encodeLazily(document.text!);
    yield { ids: [endOfText(tokenizer)] };
  }
}

/** Documents tokenised as one string. Each begins with the first token that begins in it; returned when the tokenizer tells places. */
async function appendJoined(ids: TokenList, texts: readonly string[], join: string, tokenizer: Tokenizer, maxTokens: number): Promise<number[] | undefined> {
  const starts: number[] = [];
  let next = 0;
  let nextPlace = 0;
  let place = 0;
  for (const { ids: part, end } of tokenizer.encodeLazily(texts.join(join))) {
    while (next < texts.length && nextPlace <= place) {
      // Documents that lie within one token have no token of their own.
      if (starts.at(-1) !== ids.length) starts.push(ids.length);
      nextPlace += texts[next]!.length + join.length;
      next++;
    }
    ids.append(part);
    place = end ?? place;
    if (ids.turnIsDue) await ids.turn();
    if (ids.length >= maxTokens) break;
  }
  return tokenizer.tellsPlaces ? starts : undefined;
}

function endOfText(tokenizer: Tokenizer): number {
  if (tokenizer.eosId !== undefined) return tokenizer.eosId;
  throw new DataError('EOS_MISSING', {
    found: 'a tokenizer without an end-of-text token',
    expected: 'one to put after each document',
    remedy: 'Give --join TEXT.',
  });
}

/** Errors of a conversation name its line. */
function atPlace<T>({ file, line }: Document, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof DataError) || cause.code === 'CHAT_TEMPLATE_MISSING') throw cause;
    throw new DataError(cause.code, { ...cause.facts, file, line });
  }
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Ids in an array that grows by doubling; lets others run now and then. */
class TokenList {
  readonly #options: TokeniseOptions;
  #ids = new Int32Array(1 << 16);
  #nextTurn = TOKENS_PER_TURN;
  length = 0;

  constructor(options: TokeniseOptions) {
    this.#options = options;
  }

  append(more: readonly number[]): void {
    while (this.length + more.length > this.#ids.length) {
      const larger = new Int32Array(2 * this.#ids.length);
      larger.set(this.#ids);
      this.#ids = larger;
    }
    for (const id of more) this.#ids[this.length++] = id;
  }

  get turnIsDue(): boolean {
    return this.length >= this.#nextTurn;
  }

  async turn(): Promise<void> {
    this.#nextTurn = this.length + TOKENS_PER_TURN;
    this.#options.onProgress?.(this.length);
    await setImmediate();
    throwIfAborted(this.#options.signal);
  }

  take(length: number): Int32Array {
    return this.#ids.slice(0, length);
  }
}
