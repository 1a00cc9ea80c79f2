type Json = Readonly<Record<string, unknown>>;

/** How text is cut before merging. */
export interface PreTokenizer {
  readonly normalizer: Json | null;
  readonly steps: readonly Json[];
  /** A piece that is a token itself is taken before any merge is tried. */
  readonly ignoreMerges?: boolean;
  /** What counts when the file does not say whether the begin-of-text token comes first. */
  readonly addBos?: boolean;
}

/** Bytes to letters, and GPT-2's pattern first when `use_regex` says so. */
export const byteLevel = (useRegex: boolean): Json => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: useRegex });
const split = (pattern: string): Json => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false });

/** Llama 3 and Qwen 2 share it but for how many digits stay together. */
const words = (digits: string): string =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** cl100k, GPT-4's: Llama 3's without its begin-of-text token. */
const CL100K = split(words(String.raw`\p{N}{1,3}`));
/** Where capitals begin words: o200k, GPT-4o's, and Mistral's Tekken without English endings. */
const cased = (endings: string, digits: string): string => {
  const [upper, lower] = [String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`];
  const word = String.raw`[^\r\n\p{L}\p{N}]?`;
  return String.raw`${word}${upper}*${lower}+${endings}|${word}${upper}+${lower}*${endings}|${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
};

const GPT2: PreTokenizer = { normalizer: null, steps: [byteLevel(true)] };
const NEOX: PreTokenizer = { normalizer: { type: 'NFC' }, steps: [byteLevel(true)] };
const SMOLLM: PreTokenizer = { normalizer: null, steps: [{ type: 'Digits', individual_digits: true }, byteLevel(true)] };
const LLAMA3: PreTokenizer = { normalizer: null, steps: [CL100K, byteLevel(false)], ignoreMerges: true, addBos: true };
const GPT4: PreTokenizer = { normalizer: null, steps: [CL100K, byteLevel(false)] };
const QWEN2: PreTokenizer = { normalizer: { type: 'NFC' }, steps: [split(words(String.raw`\p{N}`)), byteLevel(false)] };
const STABLELM2: PreTokenizer = { normalizer: null, steps: [split(words(String.raw`\p{N}`)), byteLevel(false)] };
const GPT4O: PreTokenizer = { normalizer: null, steps: [split(cased("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", String.raw`\p{N}{1,3}`)), byteLevel(false)] };
const TEKKEN: PreTokenizer = { normalizer: null, steps: [split(cased('', String.raw`\p{N}`)), byteLevel(false)], ignoreMerges: true, addBos: true };

/**
 * By `tokenizer.ggml.pre`, in llama.cpp's spelling (llama-vocab.cpp): those of vocabularies that the supported families come with. The first of equal ones
 * is written.
 */
export const preTokenizers: Readonly<Record<string, PreTokenizer>> = {
  'gpt-2': GPT2,
  default: GPT2,
  mpt: GPT2,
  jais: GPT2,
  olmo: NEOX,
  smollm: SMOLLM,
  refact: SMOLLM,
  starcoder: SMOLLM,
  'command-r': SMOLLM,
  codeshell: SMOLLM,
  'llama-bpe': LLAMA3,
  llama3: LLAMA3,
  'llama-v3': LLAMA3,
  falcon3: LLAMA3,
  pixtral: LLAMA3,
  dbrx: GPT4,
  'smaug-bpe': GPT4,
  qwen2: QWEN2,
  'deepseek-r1-qwen': QWEN2,
  megrez: QWEN2,
  stablelm2: STABLELM2,
  'gpt-4o': GPT4O,
  tekken: TEKKEN,
};
