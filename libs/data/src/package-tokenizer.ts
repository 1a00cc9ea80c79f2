import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';

/** `tokenizer.json` and `tokenizer_config.json` as they were parsed. */
export type Json = Readonly<Record<string, unknown>>;

/** The part of `@huggingface/tokenizers` that is used here: its own declarations do not resolve under `nodenext`. */
export interface PackageTokenizer {
  readonly normalizer: ((text: string) => string) | null;
  readonly pre_tokenizer: { readonly tokenizers?: readonly PackagePreTokenizer[] } | null;
  readonly model: { _call(words: readonly string[]): string[]; readonly vocab: readonly (string | undefined)[] };
  readonly post_processor: { post_process(tokens: readonly string[], pair: null, addSpecialTokens: boolean): { tokens: string[] } } | null;
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  decode(ids: readonly number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
  get_added_tokens_decoder(): Map<number, AddedToken>;
}

export interface PackagePreTokenizer {
  readonly config?: Json;
  /** Of `Split`: compiled from Oniguruma's syntax. */
  readonly pattern?: RegExp | null;
  pre_tokenize_text(text: string): string[];
}

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly normalized: boolean;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

/** GPT-2's pattern as `ByteLevel` applies it when `use_regex` is set. */
const GPT2_WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/**
 * Makes the package's tokenizer, with the two pre-tokenizers restated in which version 0.2.0 leaves Unicode: `Digits` knows ASCII digits
 * only, and `ByteLevel` takes JavaScript's `\s`, which has U+FEFF and lacks U+0085. As `Split` patterns both are exact.
 */
export function makePackageTokenizer(tokenizer: Json, config: Json): PackageTokenizer {
  const json = { normalizer: null, post_processor: null, decoder: null, added_tokens: [], ...tokenizer, pre_tokenizer: restate(tokenizer.pre_tokenizer) };
  return new HuggingFaceTokenizer(json, config) as unknown as PackageTokenizer;
}

/** A flat list of pre-tokenizers with exact patterns, `null` when there are none. */
function restate(preTokenizer: unknown): Json | null {
  if (preTokenizer === null || preTokenizer === undefined) return null;
  return { type: 'Sequence', pretokenizers: restated(preTokenizer as Json) };
}

function restated(part: Json): Json[] {
  if (part.type === 'Sequence') return (part.pretokenizers as Json[]).flatMap(restated);
  if (part.type === 'Digits') return [isolated(part.individual_digits === true ? '\\p{N}' : '\\p{N}+')];
  // A prefix space is put before the pattern is applied: such a `ByteLevel` cannot be taken apart.
  if (part.type === 'ByteLevel' && part.use_regex !== false && part.add_prefix_space !== true) {
    return [isolated(GPT2_WORDS), { ...part, use_regex: false }];
  }
  return [part];
}

function isolated(pattern: string): Json {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}
