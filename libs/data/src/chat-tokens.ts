import { DataError } from '@chop/core';
import type { Message } from './chat-template.js';
import type { Tokenizer } from './tokenizer.js';

/** A conversation's ids, and for each whether the assistant says it. */
export interface ChatTokens {
  readonly ids: readonly number[];
  readonly answers: Uint8Array;
}

/**
 * A conversation through the model's chat template, whole: the ids that `apply_chat_template` gives. An answer is what the template adds to the turns
 * before it and their generation prompt, up to the end of its turn (with the token that ends it, so that the model learns to stop). Found by
 * rendering beginnings of the conversation, so that it holds for any template.
 *
 * @throws {@link DataError} `CHAT_NO_ANSWER` when the template shows nothing of what the assistant says.
 */
export function chatTokens(messages: readonly Message[], tokenizer: Tokenizer): ChatTokens {
  const whole = tokenizer.chat(messages);
  const ids = tokenizer.encode(whole);
  const answers = new Uint8Array(ids.length);
  messages.forEach(({ role, content }, turn) => {
    if (role !== 'assistant') return;
    const before = tokenizer.chat(messages.slice(0, turn), { addGenerationPrompt: true });
    const after = tokenizer.chat(messages.slice(0, turn + 1));
    const from = common(before, whole);
    const to = common(after, whole);
    if (to <= from && content !== '') {
      throw new DataError('CHAT_NO_ANSWER', {
        found: `nothing of the answer in turn ${turn + 1} where the chat template should put it`,
        expected: 'a template that writes each turn after the turns before',
        remedy: 'Train on one answer per conversation, or use another chat template.',
      });
    }
    answers.fill(1, tokensBefore(from), tokensBefore(to));
  });
  return { ids, answers };

  /** Tokens that lie wholly before a place in the text. */
  function tokensBefore(place: number): number {
    return place === whole.length ? ids.length : common(tokenizer.encode(whole.slice(0, place)), ids);
  }
}

/** Length of the common beginning. */
function common(a: ArrayLike<unknown>, b: ArrayLike<unknown>): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
