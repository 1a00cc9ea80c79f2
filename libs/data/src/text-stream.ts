import type { DecodeOptions, Tokenizer } from './tokenizer.js';

/** Tokens kept as context where a token's text depends on its neighbours (SentencePiece drops a leading space). */
const CONTEXT_TOKENS = 4;
/** Bytes of the longest character in UTF-8: what is not whole after as many tokens never will be. */
const CHARACTER_BYTES = 4;

/** Decodes token by token and hands over whole characters only: `push` returns what has become complete, perhaps nothing. */
export class TextStream {
  readonly #tokenizer: Tokenizer;
  readonly #options: DecodeOptions;
  readonly #bytes = new TextDecoder('utf-8', { ignoreBOM: true });
  #context: number[] = [];
  #pending: number[] = [];

  constructor(tokenizer: Tokenizer, options: DecodeOptions = {}) {
    this.#tokenizer = tokenizer;
    this.#options = options;
  }

  push(id: number): string {
    if (this.#options.skipSpecialTokens === true && this.#tokenizer.isSpecial(id)) return '';
    const bytes = this.#tokenizer.tokenBytes(id);
    if (bytes) return this.#bytes.decode(bytes, { stream: true });
    if (this.#tokenizer.isByteLevel) return this.#bytes.decode() + this.#tokenizer.decode([id]);
    this.#pending.push(id);
    const text = this.#pendingText();
    return text.endsWith('\uFFFD') && this.#pending.length < CHARACTER_BYTES ? '' : this.#accept(text);
  }

  /** What is left at the end: an unfinished character as U+FFFD. */
  end(): string {
    return this.#bytes.decode() + this.#accept(this.#pendingText());
  }

  #pendingText(): string {
    const before = this.#tokenizer.decode(this.#context);
    return this.#tokenizer.decode([...this.#context, ...this.#pending]).slice(before.length);
  }

  #accept(text: string): string {
    this.#context = [...this.#context, ...this.#pending].slice(-CONTEXT_TOKENS);
    this.#pending = [];
    return text;
  }
}
