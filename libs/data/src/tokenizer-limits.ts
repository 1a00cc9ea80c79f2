import { DataError, shown } from '@chop/core';
import type { Json } from './package-tokenizer.js';
import { patternObjection } from './pattern-limits.js';

/** The largest vocabularies have 262,144 tokens; lists are as long as the largest id. */
const MAX_TOKENS = 1 << 22;
/** Tokens, and what is put in their place, are words; the longest are runs of spaces. */
const MAX_TEXT_CHARACTERS = 4096;
/** Normalizers, pre-tokenizers, post-processors and decoders of one file: those in use have ten. */
const MAX_STEPS = 64;
const MAX_STEP_DEPTH = 8;
/** What all replacements together make a text longer by, at most: each by its own length. Those in use put one character in the place of another. */
const MAX_GROWTH = 256;
/** Characters of a piece, or stripped at its ends. */
const MAX_PIECE_CHARACTERS = 1024;

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === 'string' && value.length <= MAX_TEXT_CHARACTERS;
const isFlag: Check = (value) => typeof value === 'boolean';
const isWhole =
  (least: number, most: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
const isId = isWhole(0, MAX_TOKENS - 1);
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const isNamed: Check = (value) => isText(value) && value !== '';
const isCharacter: Check = (value) => isText(value) && [...(value as string)].length === 1;
const isTokenAndId: Check = (value) => Array.isArray(value) && value.length === 2 && isText(value[0]) && isId(value[1]);
const isTemplate: Check = (value) => Array.isArray(value) && value.length <= MAX_STEPS && value.every(isPieceOfTemplate);

/** Keys of steps, and what they may hold; they mean the same wherever they stand. */
const KEYS: ReadonlyMap<string, readonly [check: Check, expected: string]> = new Map<string, readonly [check: Check, expected: string]>([
  ...['content', 'prepend', 'prefix', 'suffix', 'pad_token', 'word_delimiter_token', 'behavior', 'prepend_scheme'].map(
    (key) => [key, [isText, 'a text']] as const,
  ),
  ['replacement', [isCharacter, 'one character']],
  ...['add_prefix_space', 'trim_offsets', 'use_regex', 'individual_digits', 'split', 'invert', 'cleanup', 'lowercase', 'clean_text'].map(
    (key) => [key, [isFlag, 'true or false']] as const,
  ),
  ...['handle_chinese_chars', 'strip_accents', 'strip_left', 'strip_right'].map((key) => [key, [isFlag, 'true or false']] as const),
  ...['start', 'stop'].map((key) => [key, [isWhole(0, MAX_PIECE_CHARACTERS), `a whole number up to ${MAX_PIECE_CHARACTERS}`]] as const),
  ['length', [isWhole(1, MAX_PIECE_CHARACTERS), `a whole number from 1 to ${MAX_PIECE_CHARACTERS}`]],
  ...['sep', 'cls'].map((key) => [key, [isTokenAndId, 'a token and its id']] as const),
  ...['single', 'pair'].map((key) => [key, [isTemplate, 'a list of special tokens and sequences']] as const),
]);
const NESTED = ['normalizers', 'pretokenizers', 'processors', 'decoders'];
const MODELS = ['BPE', 'WordPiece', 'Unigram', undefined];

/**
 * Refuses a tokenizer.json that the library would build and then not come to an end with, or run out of memory: sizes, ids, counts and patterns beyond limits,
 * values of another kind.
 *
 * @throws {@link DataError} `TOKENIZER_BROKEN`
 */
export function checkTokenizer(tokenizer: Json, file: string): void {
  const refuse = (found: string, expected: string): DataError =>
    new DataError('TOKENIZER_BROKEN', { file, found, expected, remedy: 'Copy the file from the model again.' });
  const steps = new Steps(refuse);
  for (const part of ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder']) {
    const step = tokenizer[part];
    if (step !== null && step !== undefined) steps.check(step, part, 0);
  }
  checkAdded(tokenizer.added_tokens, refuse);
  checkModel(tokenizer.model, refuse);
}

type Refuse = (found: string, expected: string) => DataError;

/** Checks steps, and what all of them come to. */
class Steps {
  readonly #refuse: Refuse;
  #count = 0;
  #growth = 1;

  constructor(refuse: Refuse) {
    this.#refuse = refuse;
  }

  check(step: unknown, where: string, depth: number): void {
    if (!isObject(step) || typeof step.type !== 'string') throw this.#refuse(`${where} = ${shown(step)}`, 'an object with its type');
    if (++this.#count > MAX_STEPS) throw this.#refuse(`more than ${MAX_STEPS} steps`, 'fewer');
    if (depth > MAX_STEP_DEPTH) throw this.#refuse(`steps nested more than ${MAX_STEP_DEPTH} deep`, 'fewer');
    for (const [key, value] of Object.entries(step)) {
      const rule = KEYS.get(key);
      if (rule && value !== null && !rule[0](value)) throw this.#refuse(`${where}.${key} = ${shown(value)}`, rule[1]);
      if (NESTED.includes(key)) this.#checkAll(value, `${where}.${key}`, depth + 1);
      if (key === 'pattern') this.#checkPattern(value, where, step.type === 'Split' || step.type === 'Replace');
    }
    this.#growth *= Math.max(1, step.type === 'Replace' && typeof step.content === 'string' ? step.content.length : 1);
    if (this.#growth > MAX_GROWTH) throw this.#refuse('replacements that make a text very much longer', `at most ${MAX_GROWTH} times as long`);
  }

  #checkAll(value: unknown, where: string, depth: number): void {
    if (!Array.isArray(value)) throw this.#refuse(`${where} = ${shown(value)}`, 'a list');
    for (const step of value as readonly unknown[]) this.check(step, where, depth);
  }

  #checkPattern(value: unknown, where: string, needed: boolean): void {
    const { Regex: regex, String: text } = isObject(value) ? value : {};
    if (typeof regex === 'string') {
      const objection = patternObjection(regex);
      if (objection !== undefined) throw this.#refuse(`${objection} in ${where}: ${shown(regex)}`, 'a pattern that comes to an end on every text');
    } else if (needed && !isNamed(text)) throw this.#refuse(`${where}.pattern = ${shown(value)}`, '{ "Regex": … } or { "String": … }');
  }
}

function isPieceOfTemplate(piece: unknown): boolean {
  const { SpecialToken: token, Sequence: sequence } = isObject(piece) ? piece : {};
  return isObject(token) ? isText(token.id) : isObject(sequence) && (sequence.id === 'A' || sequence.id === 'B');
}

function checkAdded(added: unknown, refuse: Refuse): void {
  if (added === null || added === undefined) return;
  if (!Array.isArray(added) || added.length > MAX_TOKENS) throw refuse(`added_tokens = ${shown(added)}`, `a list of at most ${MAX_TOKENS}`);
  for (const token of added as readonly unknown[]) {
    const flags = isObject(token) ? [token.special, token.normalized, token.single_word, token.lstrip, token.rstrip] : [];
    if (!isObject(token) || !isNamed(token.content) || !isId(token.id) || !flags.every((flag) => flag === undefined || isFlag(flag)))
      throw refuse(`the added token ${shown(token)}`, `a content of 1 to ${MAX_TEXT_CHARACTERS} characters, an id below ${MAX_TOKENS}, flags`);
  }
}

/** By loops: a vocabulary has hundreds of thousands of entries, and is read at every start. */
function checkModel(model: unknown, refuse: Refuse): void {
  if (!isObject(model) || !MODELS.includes(model.type as string | undefined))
    throw refuse(`a model of type ${shown(isObject(model) ? model.type : model)}`, 'BPE, WordPiece or Unigram');
  const { vocab, merges, unk_id: unknown, max_input_chars_per_word: word } = model;
  if (model.type === 'Unigram' || Array.isArray(vocab)) {
    const isPair = (entry: unknown): boolean => Array.isArray(entry) && isText(entry[0]) && Number.isFinite(entry[1]);
    if (!Array.isArray(vocab) || vocab.length === 0 || vocab.length > MAX_TOKENS || !vocab.every(isPair))
      throw refuse('a vocabulary of another kind', 'a list of [token, score]');
    // Without one, Hugging Face's tokenizers fail at the first text that the vocabulary lacks a character of; the library here makes an id of nothing.
    if (!isWhole(0, vocab.length - 1)(unknown)) throw refuse(`unk_id ${shown(unknown)}`, `the id of the unknown token, below ${vocab.length}`);
  } else {
    if (!isObject(vocab)) throw refuse(`the vocabulary ${shown(vocab)}`, 'an object of tokens and their ids');
    for (const [token, id] of Object.entries(vocab))
      if (!isId(id) || !isText(token)) throw refuse(`the token ${shown(token)} with the id ${shown(id)}`, `ids below ${MAX_TOKENS}`);
  }
  const isMerge = (merge: unknown): boolean => (Array.isArray(merge) ? merge.length === 2 && merge.every(isText) : isText(merge));
  if (model.type === 'BPE' && !(Array.isArray(merges) && merges.length <= MAX_TOKENS && merges.every(isMerge)))
    throw refuse('merges of another kind', 'a list of pairs');
  for (const key of ['unk_token', 'continuing_subword_prefix', 'end_of_word_suffix'])
    if (model[key] !== null && model[key] !== undefined && !isText(model[key])) throw refuse(`${key} = ${shown(model[key])}`, 'a text');
  if (word !== null && word !== undefined && !isWhole(1, MAX_PIECE_CHARACTERS)(word))
    throw refuse(`max_input_chars_per_word = ${shown(word)}`, `up to ${MAX_PIECE_CHARACTERS}`);
}
