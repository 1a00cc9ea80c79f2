import { type Checkpoint, DataError } from '@chop/core';
import { Template } from '@huggingface/jinja';
import { Tokenizer as FastTokenizer } from '@huggingface/tokenizers';

/** One turn of a conversation. */
export interface Message {
  readonly role: string;
  readonly content: string;
}

type Json = Record<string, unknown>;

/** Longer texts are encoded in pieces of about this many characters, cut where no token can lie across: bounds time and memory. */
const PIECE_CHARACTERS = 1 << 15;

/** A model's tokenizer, as Hugging Face's tokenizer files describe it. */
export class Tokenizer {
  readonly #fast: FastTokenizer;
  readonly #config: Json;
  readonly #generation: Json;
  readonly #template: string | undefined;
  readonly #byteLevel: boolean;

  private constructor(fast: FastTokenizer, file: Json, config: Json, generation: Json, template: string | undefined) {
    this.#fast = fast;
    this.#config = config;
    this.#generation = generation;
    this.#template = template;
    this.#byteLevel = JSON.stringify(file['decoder'] ?? null).includes('"ByteLevel"');
  }

  /**
   * Reads the tokenizer among a checkpoint's companion files.
   *
   * @throws {@link DataError} `TOKENIZER_MISSING` without a tokenizer.json, `TOKENIZER_BROKEN` when it cannot be understood.
   */
  static async open({ companions, source }: Pick<Checkpoint, 'companions' | 'source'>): Promise<Tokenizer> {
    const read = async (name: string): Promise<string | undefined> => {
      const bytes = await companions.get(name)?.();
      return bytes && new TextDecoder().decode(bytes);
    };
    const json = async (name: string): Promise<Json | undefined> => {
      const text = await read(name);
      try {
        return text === undefined ? undefined : (JSON.parse(text) as Json);
      } catch (cause) {
        throw new DataError('TOKENIZER_BROKEN', { file: `${source}/${name}`, found: 'text that is no JSON', expected: 'a tokenizer file of Hugging Face', cause });
      }
    };
    const file = await json('tokenizer.json');
    if (!file) throw new DataError('TOKENIZER_MISSING', { file: source, found: 'no tokenizer.json', expected: "the model's tokenizer files beside its weights", remedy: 'Copy tokenizer.json and tokenizer_config.json from the original model.' });
    const config = (await json('tokenizer_config.json')) ?? {};
    const generation = (await json('generation_config.json')) ?? {};
    const template = (await read('chat_template.jinja')) ?? (typeof config['chat_template'] === 'string' ? config['chat_template'] : undefined);
    try {
      return new Tokenizer(new FastTokenizer(file, config), file, config, generation, template);
    } catch (cause) {
      throw new DataError('TOKENIZER_BROKEN', { file: `${source}/tokenizer.json`, found: cause instanceof Error ? cause.message : String(cause), expected: 'a tokenizer of a supported kind', cause });
    }
  }

  /** Token ids of a text; special tokens in it are recognised, none are added unless asked for. */
  encode(text: string, { addSpecialTokens = false }: { addSpecialTokens?: boolean } = {}): number[] {
    const options = { add_special_tokens: false };
    const ids = this.#pieces(text).flatMap((piece) => [...this.#fast.encode(piece, options).ids]);
    if (!addSpecialTokens) return ids;
    const [before, after] = this.#around();
    return [...before, ...ids, ...after];
  }

  decode(ids: ArrayLike<number>, { skipSpecialTokens = false }: { skipSpecialTokens?: boolean } = {}): string {
    return this.#fast.decode(Array.from(ids), { skip_special_tokens: skipSpecialTokens, clean_up_tokenization_spaces: false });
  }

  /** The tokens as the vocabulary spells them. */
  pieces(ids: ArrayLike<number>): string[] {
    return Array.from(ids, (id) => this.#fast.id_to_token(id) ?? `<${id}?>`);
  }

  /** UTF-8 bytes of the text that the tokens stand for. */
  byteLength(ids: ArrayLike<number>): number {
    if (!this.#byteLevel) return new TextEncoder().encode(this.decode(ids)).length;
    // In a byte-level vocabulary each character of an ordinary token is one byte.
    const special = this.#fast.get_added_tokens_decoder();
    let bytes = 0;
    for (let i = 0; i < ids.length; i++) if (!special.has(ids[i]!)) bytes += [...(this.#fast.id_to_token(ids[i]!) ?? '')].length;
    return bytes;
  }

  get vocabularySize(): number {
    return this.#fast.get_vocab(true).size;
  }

  get bosId(): number | undefined {
    return this.#special('bos');
  }

  /** The end-of-text token that separates documents. */
  get eosId(): number | undefined {
    return this.#special('eos');
  }

  /** Every token that ends a generated text. */
  get stopIds(): number[] {
    const listed = this.#generation['eos_token_id'];
    const ids = Array.isArray(listed) ? (listed as number[]) : typeof listed === 'number' ? [listed] : [];
    return [...new Set([...ids, ...(this.eosId === undefined ? [] : [this.eosId])])];
  }

  /**
   * A conversation in the model's own form.
   *
   * @throws {@link DataError} `CHAT_TEMPLATE_MISSING`, `CHAT_TEMPLATE` when the template refuses the messages.
   */
  chat(messages: readonly Message[], { addGenerationPrompt = false }: { addGenerationPrompt?: boolean } = {}): string {
    if (this.#template === undefined) throw new DataError('CHAT_TEMPLATE_MISSING', { found: 'a tokenizer without a chat template', expected: 'one', remedy: 'Use a chat model, or leave --chat away.' });
    try {
      return new Template(this.#template).render({ messages, add_generation_prompt: addGenerationPrompt, bos_token: this.#token('bos') ?? '', eos_token: this.#token('eos') ?? '' });
    } catch (cause) {
      throw new DataError('CHAT_TEMPLATE', { found: cause instanceof Error ? cause.message : String(cause), expected: 'messages that the chat template takes', cause });
    }
  }

  #special(kind: 'bos' | 'eos'): number | undefined {
    const token = this.#token(kind);
    return token === undefined ? undefined : this.#fast.token_to_id(token);
  }

  #token(kind: 'bos' | 'eos'): string | undefined {
    const token = this.#config[`${kind}_token`];
    return typeof token === 'string' ? token : ((token as { content?: string } | null | undefined)?.content ?? undefined);
  }

  /** What the tokenizer puts around a text of its own accord. */
  #around(): [number[], number[]] {
    const probe = [...this.#fast.encode('a', { add_special_tokens: false }).ids];
    const full = [...this.#fast.encode('a', { add_special_tokens: true }).ids];
    const at = full.findIndex((_, index) => probe.every((id, i) => full[index + i] === id));
    return [full.slice(0, at), full.slice(at + probe.length)];
  }

  /** Cuts between a letter and a blank that a letter follows: every byte-level pre-tokenizer starts a new token there. */
  #pieces(text: string): string[] {
    if (!this.#byteLevel || text.length <= PIECE_CHARACTERS) return [text];
    const border = /\p{L}(?= \p{L})/gu;
    const pieces: string[] = [];
    let start = 0;
    while (text.length - start > PIECE_CHARACTERS) {
      border.lastIndex = start + PIECE_CHARACTERS;
      const match = border.exec(text);
      if (!match) break;
      pieces.push(text.slice(start, border.lastIndex));
      start = border.lastIndex;
    }
    pieces.push(text.slice(start));
    return pieces;
  }
}

/** Turns ids into text as they come, holding back the bytes of an unfinished character. */
export class TextStream {
  readonly #tokenizer: Tokenizer;
  #pending: number[] = [];

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  push(id: number): string {
    this.#pending.push(id);
    const text = this.#tokenizer.decode(this.#pending);
    if (text.endsWith('\uFFFD') && this.#pending.length < 8) return '';
    this.#pending = [];
    return text;
  }
}
