import { DataError, type Checkpoint } from '@chop/core';
import { BYTE_OF } from './byte-alphabet.js';
import { ChatTemplate, type Message } from './chat-template.js';
import { type AddedToken, type Json, makePackageTokenizer, type PackageTokenizer } from './package-tokenizer.js';
import { readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.js';
import { checkTokenizer } from './tokenizer-limits.js';
import { WordEncoder } from './word-encoder.js';

/** How a text becomes ids. */
export interface EncodeOptions {
  /** Put what the model's tokenizer puts around a text (BOS, say), as its post-processor, `add_bos_token` and `add_eos_token` have it. */
  readonly addSpecialTokens?: boolean;
}

/** How ids become a text. */
export interface DecodeOptions {
  readonly skipSpecialTokens?: boolean;
}

/**
 * Some ids of a long text and where their part of it ends (exclusive, UTF-16 units of the normalised text); borrowed.
 * `end` is missing where the tokenizer does not tell.
 */
export interface EncodedPart {
  readonly ids: readonly number[];
  readonly end?: number;
}

/** The library builds some parts when they are first needed: what is wrong with them is told at the beginning. */
const PROBE = 'Ab 1,\n é';

/** A model's tokenizer: `@huggingface/tokenizers`, with the same ids as Hugging Face's fast tokenizers and faster on long texts. */
export class Tokenizer {
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  /** Every id that ends a generation: `eosId` and those of the generation config. */
  readonly stopIds: readonly number[];
  readonly vocabularySize: number;
  /** Characters of the vocabulary's longest token: no token stands for more text. */
  readonly longestToken: number;
  /** Whether tokens stand for bytes (GPT-2, Llama 3, Qwen, SmolLM2), not for pieces of text. */
  readonly isByteLevel: boolean;
  readonly #package: PackageTokenizer;
  readonly #words: WordEncoder | undefined;
  readonly #config: Json;
  readonly #template: ChatTemplate | undefined;
  readonly #source: string;
  readonly #normalForm: unknown;
  readonly #added: ReadonlyMap<number, AddedToken>;
  readonly #frame: { readonly before: readonly number[]; readonly after: readonly number[] };

  private constructor(files: TokenizerFiles, source: string) {
    this.#source = source;
    this.#config = { ...files.specialTokens, ...files.config };
    this.#package = makePackageTokenizer(files.tokenizer, this.#config);
    this.#words = WordEncoder.for(this.#package);
    this.#normalForm = (files.tokenizer.normalizer as Json | null | undefined)?.type ?? null;
    this.isByteLevel = (files.tokenizer.decoder as Json | null | undefined)?.type === 'ByteLevel';
    this.vocabularySize = this.#package.model.vocab.length;
    this.longestToken = this.#package.model.vocab.reduce((longest, token) => Math.max(longest, token?.length ?? 0), 1);
    this.#added = this.#package.get_added_tokens_decoder();
    const generation = [files.generation.eos_token_id ?? []].flat().filter((id) => typeof id === 'number');
    this.bosId = this.#idOf('bos_token') ?? numberOf(files.generation.bos_token_id);
    this.eosId = this.#idOf('eos_token') ?? generation[0];
    this.stopIds = [...new Set([...(this.eosId === undefined ? [] : [this.eosId]), ...generation])];
    this.#frame = this.#specialFrame();
    const text = files.chatTemplate ?? defaultTemplate(this.#config.chat_template);
    const names = { bos_token: contentOf(this.#config.bos_token) ?? '', eos_token: contentOf(this.#config.eos_token) ?? '' };
    this.#template = text === undefined ? undefined : new ChatTemplate(text, names, source);
  }

  /**
   * Reads the tokenizer among a checkpoint's companion files: `tokenizer.json`; `tokenizer_config.json`, `special_tokens_map.json`,
   * `chat_template.jinja` and `generation_config.json` where there are.
   *
   * @throws {@link DataError} `TOKENIZER_MISSING` without a tokenizer.json, `TOKENIZER_BROKEN` when a file cannot be understood.
   */
  static async open(checkpoint: Pick<Checkpoint, 'companions' | 'source'>): Promise<Tokenizer> {
    const { source } = checkpoint;
    const files = await readTokenizerFiles(checkpoint);
    checkTokenizer(files.tokenizer, `${source}/tokenizer.json`);
    try {
      const tokenizer = new Tokenizer(files, source);
      tokenizer.decode(tokenizer.encode(PROBE, { addSpecialTokens: true }));
      return tokenizer;
    } catch (cause) {
      if (cause instanceof DataError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new DataError('TOKENIZER_BROKEN', {
        file: `${source}/tokenizer.json`,
        found: `a tokenizer that cannot be built (${reason})`,
        expected: "the model's tokenizer.json, unchanged",
        remedy: 'Copy the file from the model again.',
        cause,
      });
    }
  }

  /** Ids that {@link encode} puts before a text when special tokens are asked for. */
  get before(): readonly number[] {
    return this.#frame.before;
  }

  /** Special tokens in the text are recognised. @throws {@link DataError} `TEXT_TOO_LONG` for one that a SentencePiece tokenizer cannot take at once. */
  encode(text: string, { addSpecialTokens = false }: EncodeOptions = {}): number[] {
    const ids: number[] = addSpecialTokens ? [...this.#frame.before] : [];
    for (const part of this.encodeLazily(text)) for (const id of part.ids) ids.push(id);
    if (addSpecialTokens) ids.push(...this.#frame.after);
    return ids;
  }

  /** The ids of `encode(text)`, part after part, so that long texts can be interrupted. */
  *encodeLazily(text: string): Generator<EncodedPart, void> {
    if (this.#words) yield* this.#words.words(text);
    else if (text !== '') yield { ids: this.#encodeWhole(text) };
  }

  /** Whether {@link encodeLazily} tells where parts end in a text that {@link composed} has gone through. */
  get tellsPlaces(): boolean {
    return this.#words !== undefined && (this.#normalForm === null || this.#normalForm === 'NFC');
  }

  /** The text in the Unicode normal form that the tokenizer reads it in: it has the same ids. */
  composed(text: string): string {
    return this.#normalForm === 'NFC' ? text.normalize('NFC') : text;
  }

  decode(ids: ArrayLike<number>, { skipSpecialTokens = false }: DecodeOptions = {}): string {
    if (ids.length === 0) return '';
    return this.#package.decode(Array.from(ids), {
      skip_special_tokens: skipSpecialTokens,
      clean_up_tokenization_spaces: this.#config.clean_up_tokenization_spaces === true,
    });
  }

  /** The tokens as the vocabulary spells them. */
  pieces(ids: ArrayLike<number>): string[] {
    return Array.from(ids, (id) => this.#package.id_to_token(id) ?? `<${id}?>`);
  }

  /** The bytes that a token of a byte-level tokenizer stands for; `undefined` for special tokens and tokenizers of another kind. */
  tokenBytes(id: number): Uint8Array | undefined {
    const token = this.#package.id_to_token(id);
    if (!this.isByteLevel || token === undefined || this.#added.has(id)) return undefined;
    return Uint8Array.from(token, (character) => BYTE_OF.get(character) ?? 0);
  }

  /** UTF-8 bytes of the text that the tokens stand for; special tokens stand for none. */
  byteLength(ids: ArrayLike<number>): number {
    const plain = Array.from(ids).filter((id) => !this.isSpecial(id));
    if (!this.isByteLevel) return Buffer.byteLength(this.decode(plain));
    return plain.reduce(
      (sum, id) => sum + (this.#added.has(id) ? Buffer.byteLength(this.#added.get(id)!.content) : (this.#package.id_to_token(id) ?? '').length),
      0,
    );
  }

  isSpecial(id: number): boolean {
    return this.#added.get(id)?.special === true;
  }

  /**
   * A conversation through the model's chat template.
   * @throws {@link DataError} `CHAT_TEMPLATE_MISSING`, `CHAT_TEMPLATE`
   */
  chat(messages: readonly Message[], { addGenerationPrompt = false }: { readonly addGenerationPrompt?: boolean } = {}): string {
    if (this.#template) return this.#template.render(messages, addGenerationPrompt);
    throw new DataError('CHAT_TEMPLATE_MISSING', {
      file: this.#source,
      found: 'a tokenizer without a chat template',
      expected: 'chat_template.jinja, or chat_template in tokenizer_config.json',
      remedy: 'Use an instruction-tuned model, or leave out --chat.',
    });
  }

  /** By the library, which hands over all ids of a piece as arguments of one call: what its stack does not hold is refused. */
  #encodeWhole(text: string): number[] {
    try {
      // Of a vocabulary without an unknown token, as in the library tokenizers: what it lacks is left out.
      return this.#package.encode(text, { add_special_tokens: false }).ids.filter((id) => id !== undefined);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new DataError('TEXT_TOO_LONG', {
        found: `a text of ${text.length} characters, which the tokenizer of ${this.#source} takes as one piece`,
        expected: 'texts of at most some ten thousand words',
        remedy: 'Split it into documents, a line of a .jsonl file each.',
        cause,
      });
    }
  }

  #idOf(name: string): number | undefined {
    const content = contentOf(this.#config[name]);
    return content === undefined ? undefined : this.#package.token_to_id(content);
  }

  /** What the post-processor puts before and after a text; an explicit `add_bos_token` or `add_eos_token` overrules it, as in transformers. */
  #specialFrame(): { before: number[]; after: number[] } {
    const text = '\u{10FFFF}';
    const tokens = this.#package.post_processor?.post_process([text], null, true).tokens ?? [text];
    const ids = (part: readonly string[]) => part.map((token) => this.#package.token_to_id(token)).filter((id) => id !== undefined);
    const at = tokens.indexOf(text);
    const before = ids(tokens.slice(0, at));
    const after = ids(tokens.slice(at + 1));
    return {
      before: forced(before, this.#config.add_bos_token, this.bosId, 'start'),
      after: forced(after, this.#config.add_eos_token, this.eosId, 'end'),
    };
  }
}

function forced(ids: number[], wanted: unknown, id: number | undefined, side: 'start' | 'end'): number[] {
  if (typeof wanted !== 'boolean' || id === undefined || ids.includes(id) === wanted) return ids;
  if (!wanted) return ids.filter((other) => other !== id);
  return side === 'start' ? [id, ...ids] : [...ids, id];
}

/** A token is written as a string or as an object with its flags. */
function contentOf(token: unknown): string | undefined {
  if (typeof token === 'string') return token;
  const content = (token as Json | null | undefined)?.content;
  return typeof content === 'string' ? content : undefined;
}

/** `chat_template` is a template or a list of named ones. */
function defaultTemplate(template: unknown): string | undefined {
  if (typeof template === 'string') return template;
  if (!Array.isArray(template)) return undefined;
  const named = template as { name?: unknown; template?: unknown }[];
  const chosen = (named.find(({ name }) => name === 'default') ?? named[0])?.template;
  return typeof chosen === 'string' ? chosen : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
