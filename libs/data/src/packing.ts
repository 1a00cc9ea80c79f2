import { DataError, throwIfAborted } from '@chop/core';
import type { Document } from './text.js';
import type { Message, Tokenizer } from './tokenizer.js';

/** A text as token ids. */
export interface TokenTable {
  readonly ids: Int32Array;
  /** Where each document begins in `ids`, increasing. */
  readonly documents: Int32Array;
  /** For conversations: 1 where a token is part of an answer. */
  readonly answers?: Uint8Array;
}

export interface TokeniseOptions {
  /** Text put between documents; they are then tokenised as one string. Without it, each document ends with the end-of-text token. */
  readonly join?: string;
  /** Stop when there are this many tokens. */
  readonly maxTokens?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (tokens: number) => void;
}

/**
 * Token ids of documents, one after the other.
 *
 * @throws {@link DataError} `DATA_EMPTY` when there is not one token, `EOS_MISSING` when documents cannot be separated.
 */
export async function tokenise(documents: AsyncIterable<Document>, tokenizer: Tokenizer, { join, maxTokens = Infinity, signal, onProgress }: TokeniseOptions = {}): Promise<TokenTable> {
  const ids = new Growing();
  const answers: number[] = [];
  const starts: number[] = [];
  const texts: string[] = [];
  let isChat = false;
  for await (const { text, messages } of documents) {
    throwIfAborted(signal);
    if (messages) {
      isChat = true;
      const conversation = tokeniseChat(messages, tokenizer);
      starts.push(ids.length);
      ids.push(conversation.ids);
      for (const answer of conversation.answers) answers.push(answer);
    } else if (join !== undefined) {
      texts.push(text!);
      // No token is longer than its text: once that many characters are there, the tokens are too, at 16 bytes each or less.
      if (texts.length % 1024 === 0 && maxTokens < Infinity && texts.reduce((sum, one) => sum + one.length, 0) > 64 * maxTokens) break;
      continue;
    } else {
      if (tokenizer.eosId === undefined) throw new DataError('EOS_MISSING', { found: 'a tokenizer without an end-of-text token', expected: 'one to put after each document', remedy: 'Give --join TEXT.' });
      starts.push(ids.length);
      ids.push([...tokenizer.encode(text!), tokenizer.eosId]);
    }
    onProgress?.(ids.length);
    if (ids.length >= maxTokens) break;
  }
  if (texts.length > 0) {
    starts.push(0);
    ids.push(tokenizer.encode(texts.join(join)));
    onProgress?.(ids.length);
  }
  if (ids.length === 0) throw new DataError('DATA_EMPTY', { found: 'no token of text', expected: 'some text', remedy: 'Give another --data.' });
  const length = Math.min(ids.length, maxTokens);
  return {
    ids: ids.take(length),
    documents: Int32Array.from(starts.filter((start) => start < length)),
    ...(isChat ? { answers: Uint8Array.from(answers).subarray(0, length) } : {}),
  };
}

/** A conversation through the model's template; what the assistant says is found by rendering it with and without each answer. */
function tokeniseChat(messages: readonly Message[], tokenizer: Tokenizer): { ids: number[]; answers: number[] } {
  const ids: number[] = [];
  const answers: number[] = [];
  let rendered = '';
  const append = (upTo: string, isAnswer: boolean): void => {
    if (!upTo.startsWith(rendered)) throw new DataError('CHAT_TEMPLATE', { found: 'a chat template that changes earlier turns', expected: 'one in which each turn follows the text of the turns before' });
    for (const id of tokenizer.encode(upTo.slice(rendered.length))) ids.push(id), answers.push(isAnswer ? 1 : 0);
    rendered = upTo;
  };
  messages.forEach(({ role }, turn) => {
    if (role !== 'assistant') return;
    append(tokenizer.chat(messages.slice(0, turn), { addGenerationPrompt: true }), false);
    append(tokenizer.chat(messages.slice(0, turn + 1)), true);
  });
  append(tokenizer.chat(messages), false);
  return { ids, answers };
}

/** An array of ids that grows by doubling. */
class Growing {
  #ids = new Int32Array(1 << 16);
  length = 0;

  push(more: readonly number[]): void {
    if (this.length + more.length > this.#ids.length) {
      const larger = new Int32Array(Math.max(2 * this.#ids.length, this.length + more.length));
      larger.set(this.#ids.subarray(0, this.length));
      this.#ids = larger;
    }
    this.#ids.set(more, this.length);
    this.length += more.length;
  }

  take(length: number): Int32Array {
    return this.#ids.slice(0, length);
  }
}
