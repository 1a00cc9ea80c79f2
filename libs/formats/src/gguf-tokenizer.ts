import { CheckpointError } from '@chop/core';
import type { GgufValue } from './gguf-header.js';
import { type PreTokenizer, preTokenizers, byteLevel } from './gguf-pre-tokenizers.js';
import { type Cutting, KIND, type Merge, sentencePieceCutting } from './gguf-sentencepiece.js';

type Metadata = ReadonlyMap<string, GgufValue>;
type Json = Readonly<Record<string, unknown>>;

/**
 * The tokenizer of a GGUF file as Hugging Face's files, made when they are asked for: `tokenizer.json`,
 * `tokenizer_config.json`, `special_tokens_map.json`, `generation_config.json`. A file without vocabulary has none.
 *
 * @throws {@link CheckpointError} `CHECKPOINT_TOKENIZER`, when a file is asked for: another kind of tokenizer than byte-level BPE (`gpt2`) or SentencePiece's
 * BPE (`llama`), an unknown pre-tokenizer (named), a vocabulary that contradicts itself.
 */
export function ggufTokenizerFiles(metadata: Metadata, file: string): ReadonlyMap<string, () => Promise<Uint8Array>> {
  if (!metadata.has('tokenizer.ggml.model')) return new Map();
  const make = (build: (vocabulary: Vocabulary) => Json) => async () =>
    new TextEncoder().encode(`${JSON.stringify(build(readVocabulary(metadata, file)), null, 2)}\n`);
  return new Map([
    ['generation_config.json', make(generationConfig)],
    ['special_tokens_map.json', make(({ named }) => named)],
    ['tokenizer.json', make(tokenizer)],
    ['tokenizer_config.json', make((vocabulary) => tokenizerConfig(vocabulary, metadata))],
  ]);
}

interface Vocabulary {
  readonly tokens: readonly string[];
  readonly added: readonly Json[];
  /** How text becomes tokens. */
  readonly cutting: Cutting;
  /** What stands behind the tokens where no special ones are put around a text. */
  readonly plainEnd: Json | null;
  /** `bos_token`, `eos_token`, `unk_token`, `pad_token`: their text. */
  readonly named: Readonly<Record<string, string>>;
  readonly bos: number | undefined;
  readonly eos: readonly number[];
  readonly pad: number | undefined;
  readonly addBos: boolean;
  readonly addEos: boolean;
}

function readVocabulary(metadata: Metadata, file: string): Vocabulary {
  const wrong = (
    found: string,
    expected: string,
    remedy = 'The file is corrupt, or made by another tool: use the model as a Hugging Face folder.',
  ): CheckpointError => new CheckpointError('CHECKPOINT_TOKENIZER', { file, found, expected, remedy });
  const get = (key: string): GgufValue | undefined => metadata.get(`tokenizer.ggml.${key}`);
  const kind = get('model');
  if (kind !== 'gpt2' && kind !== 'llama')
    throw wrong(
      `a tokenizer of kind ${JSON.stringify(kind)}`,
      '"gpt2" (byte-level BPE) or "llama" (SentencePiece BPE)',
      'Use the model as a Hugging Face folder.',
    );
  const pre = kind === 'gpt2' ? preTokenizerNamed(get('pre') ?? 'default', wrong) : undefined;

  const tokens = texts(get('tokens'));
  if (!tokens || tokens.length === 0) throw wrong('no tokenizer.ggml.tokens', 'the list of tokens');
  const ids = new Map(tokens.map((token, id) => [token, id]));
  if (ids.size !== tokens.length) throw wrong(`the token ${JSON.stringify(tokens.find((token, id) => ids.get(token) !== id))} twice`, 'every token once');
  const kinds = get('token_type');
  if (kinds !== undefined && (!Array.isArray(kinds) || kinds.length !== tokens.length))
    throw wrong(`${Array.isArray(kinds) ? kinds.length : 'no'} token types`, `one for each of ${tokens.length} tokens`);
  const id = (key: string): number | undefined => {
    const value = get(`${key}_token_id`);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && tokens[value] !== undefined) return value;
    throw wrong(`${JSON.stringify(value)} as ${key}_token_id`, `a number below ${tokens.length}`);
  };
  const [bos, eos, unk, pad, turn] = [id('bos'), id('eos'), id('unknown'), id('padding'), id('eot')];
  const text = (number: number | undefined): string | undefined => (number === undefined ? undefined : tokens[number]);
  const flag = (key: string): boolean | undefined => (typeof get(key) === 'boolean' ? (get(key) as boolean) : undefined);
  const cutting = pre
    ? byteCutting(tokens, pre, mergesOf(texts(get('merges')) ?? [], ids, wrong))
    : sentencePieceCutting(tokens, scoresOf(get('scores'), tokens.length, wrong), { prefixed: flag('add_space_prefix') ?? true, unknown: text(unk) });
  return {
    tokens,
    cutting,
    plainEnd: pre ? { ...byteLevel(true), trim_offsets: false } : null,
    added: tokens.flatMap((content, number) =>
      isAdded(kinds?.[number], pre !== undefined) ? [addedToken(number, content, kinds?.[number] !== KIND.userDefined)] : [],
    ),
    named: Object.fromEntries(
      Object.entries({ bos_token: text(bos), eos_token: text(eos), unk_token: text(unk), pad_token: text(pad) }).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      ),
    ),
    bos,
    eos: [...new Set([eos, turn].filter((number) => number !== undefined))],
    pad,
    addBos: bos !== undefined && (flag('add_bos_token') ?? (pre ? (pre.addBos ?? false) : true)),
    addEos: eos !== undefined && (flag('add_eos_token') ?? false),
  };
}

type Wrong = (found: string, expected: string, remedy?: string) => CheckpointError;

function preTokenizerNamed(name: GgufValue, wrong: Wrong): PreTokenizer {
  if (typeof name === 'string' && Object.hasOwn(preTokenizers, name)) return preTokenizers[name]!;
  throw wrong(
    `the pre-tokenizer ${JSON.stringify(name)} (tokenizer.ggml.pre)`,
    Object.keys(preTokenizers).join(', '),
    'Use the model as a Hugging Face folder.',
  );
}

function mergesOf(merges: readonly string[], ids: ReadonlyMap<string, number>, wrong: Wrong): Merge[] {
  return merges.map((merge): Merge => {
    const space = merge.indexOf(' ', 1);
    const [left, right] = [merge.slice(0, space), merge.slice(space + 1)];
    if (space < 0 || !ids.has(left) || !ids.has(right) || !ids.has(left + right))
      throw wrong(`the merge ${JSON.stringify(merge)}`, 'two tokens that make a third');
    return [left, right];
  });
}

function scoresOf(scores: GgufValue | undefined, count: number, wrong: Wrong): number[] {
  if (Array.isArray(scores) && scores.length === count && scores.every((score) => typeof score === 'number')) return scores;
  throw wrong(`${Array.isArray(scores) ? scores.length : 'no'} scores (tokenizer.ggml.scores)`, `one for each of ${count} tokens`);
}

/** Tokens that are found in a text before it is cut; SentencePiece's unknown one is among those with a name. */
function isAdded(kind: GgufValue | undefined, byteLevel: boolean): boolean {
  return kind === KIND.control || kind === KIND.userDefined || (kind === KIND.unknown && !byteLevel);
}

function addedToken(id: number, content: string, special: boolean): Json {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special };
}

/** Byte-level BPE as the library tokenizers has it. */
function byteCutting(tokens: readonly string[], pre: PreTokenizer, merges: readonly Merge[]): Cutting {
  return {
    normalizer: pre.normalizer,
    pre_tokenizer: pre.steps.length === 1 ? pre.steps[0]! : { type: 'Sequence', pretokenizers: pre.steps },
    decoder: { ...byteLevel(true), add_prefix_space: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: pre.ignoreMerges ?? false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}

/** `tokenizer.json` as the library tokenizers has it. */
function tokenizer({ cutting: { normalizer, pre_tokenizer, decoder, model }, plainEnd, added, addBos, addEos, named, bos, eos }: Vocabulary): Json {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer,
    pre_tokenizer,
    post_processor:
      addBos || addEos ? template(addBos ? [named['bos_token']!, bos!] : undefined, addEos ? [named['eos_token']!, eos[0]!] : undefined) : plainEnd,
    decoder,
    model,
  };
}

/** Puts the begin-of-text and end-of-text tokens around one text, and around both of a pair. */
function template(first: [string, number] | undefined, last: [string, number] | undefined): Json {
  const around = (id: 'A' | 'B', type: number): Json[] => [
    ...(first ? [{ SpecialToken: { id: first[0], type_id: type } }] : []),
    { Sequence: { id, type_id: type } },
    ...(last ? [{ SpecialToken: { id: last[0], type_id: type } }] : []),
  ];
  const tokens = [first, last].filter((token) => token !== undefined);
  return {
    type: 'TemplateProcessing',
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    special_tokens: Object.fromEntries(tokens.map(([text, id]) => [text, { id: text, ids: [id], tokens: [text] }])),
  };
}

function tokenizerConfig({ added, named, addBos, addEos }: Vocabulary, metadata: Metadata): Json {
  const chatTemplate = metadata.get('tokenizer.chat_template');
  const context = metadata.get(`${String(metadata.get('general.architecture'))}.context_length`);
  return {
    add_bos_token: addBos,
    add_eos_token: addEos,
    add_prefix_space: false,
    added_tokens_decoder: Object.fromEntries(added.map(({ id, ...token }) => [String(id), token])),
    ...named,
    ...(typeof chatTemplate === 'string' ? { chat_template: chatTemplate } : {}),
    clean_up_tokenization_spaces: false,
    ...(typeof context === 'number' ? { model_max_length: context } : {}),
    tokenizer_class: 'PreTrainedTokenizerFast',
  };
}

function generationConfig({ bos, eos, pad }: Vocabulary): Json {
  return {
    ...(bos === undefined ? {} : { bos_token_id: bos }),
    ...(eos.length === 0 ? {} : { eos_token_id: eos.length === 1 ? eos[0] : eos }),
    ...(pad === undefined ? {} : { pad_token_id: pad }),
  };
}

function texts(value: GgufValue | undefined): string[] | undefined {
  return Array.isArray(value) && value.every((text) => typeof text === 'string') ? value : undefined;
}
