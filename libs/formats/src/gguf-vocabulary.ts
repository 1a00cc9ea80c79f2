import { isDeepStrictEqual } from 'node:util';
import { CheckpointError } from '@chop/core';
import { preTokenizers } from './gguf-pre-tokenizers.js';
import { KIND, kindOfPiece, type Merge, scoresOf, sentencePiecePrefix } from './gguf-sentencepiece.js';
import type { GgufTyped } from './gguf-write.js';

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}
interface TokenizerJson {
  readonly normalizer: unknown;
  readonly pre_tokenizer: { readonly type?: string; readonly pretokenizers?: unknown[] } | null;
  readonly added_tokens?: readonly AddedToken[];
  readonly post_processor?: { readonly type?: string; readonly single?: readonly Record<string, unknown>[]; readonly processors?: readonly unknown[] } | null;
  readonly model: {
    readonly type?: string;
    readonly byte_fallback?: boolean;
    readonly ignore_merges?: boolean;
    readonly unk_token?: string | null;
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | readonly [string, string])[];
  };
}
type Json = Readonly<Record<string, unknown>>;

/** What a GGUF file tells of a tokenizer. */
export interface TokenizerFiles {
  readonly tokenizer: string;
  /** `tokenizer_config.json`, or `{}`. */
  readonly config: string;
  /** `chat_template.jinja`, where the template has a file of its own. */
  readonly chatTemplate?: string | undefined;
  /** Rows of the embedding: the vocabulary is filled up with unused tokens. */
  readonly vocab: number;
  /** Where the files come from, for errors. */
  readonly source: string;
}

/**
 * The metadata `tokenizer.…` that makes llama.cpp cut text as the Hugging Face tokenizer does.
 *
 * @throws {@link CheckpointError} `CHECKPOINT_TOKENIZER`: neither byte-level BPE nor SentencePiece's, or a pre-tokenizer that llama.cpp has no name for.
 */
export function ggufVocabulary({ tokenizer, config, chatTemplate, vocab, source }: TokenizerFiles): Map<string, GgufTyped> {
  const parsed = JSON.parse(tokenizer) as TokenizerJson;
  const settings = JSON.parse(config) as Json;
  const refuse = (found: string, expected: string): CheckpointError =>
    new CheckpointError('CHECKPOINT_TOKENIZER', { file: source, found, expected, remedy: 'Save the model as --format hf.' });
  const { model } = parsed;
  if (model.type !== 'BPE') throw refuse(`a tokenizer of kind ${model.type}`, "byte-level BPE, or SentencePiece's BPE with bytes for what it does not know");
  const prefixed = sentencePiecePrefix(parsed);
  const pre = prefixed === undefined ? preTokenizerOf(parsed) : 'default';
  if (pre === undefined)
    throw refuse(`the pre-tokenizer ${JSON.stringify(parsed.pre_tokenizer)}`, `one that llama.cpp has a name for: ${Object.keys(preTokenizers).join(', ')}`);
  const { texts, kinds, ids } = tokensOf(parsed, vocab);
  const merges = model.merges.map((merge) => (typeof merge === 'string' ? halves(merge) : merge));
  const id = (name: string): number | undefined => {
    const token = settings[name];
    const text = typeof token === 'string' ? token : (token as { content?: string } | null | undefined)?.content;
    return text === undefined ? undefined : ids.get(text);
  };
  const named = { bos: id('bos_token'), eos: id('eos_token'), unknown: id('unk_token'), padding: id('pad_token') };
  const template = chatTemplate ?? settings['chat_template'];
  const metadata: readonly (readonly [string, GgufTyped])[] = [
    ['model', { text: prefixed === undefined ? 'gpt2' : 'llama' }],
    ['pre', { text: pre }],
    ['tokens', { texts }],
    ['token_type', { i32s: kinds }],
    ...(prefixed === undefined
      ? [['merges', { texts: merges.map((merge) => merge.join(' ')) }] as const]
      : [['scores', { f32s: scoresOf(texts, merges) }] as const, ['add_space_prefix', { bool: prefixed }] as const]),
    ...Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [[`${name}_token_id`, { u32: value }] as const])),
    ['add_bos_token', { bool: putsFirst(parsed, named.bos) }],
  ];
  return new Map<string, GgufTyped>([
    ...metadata.map(([key, value]) => [`tokenizer.ggml.${key}`, value] as const),
    ...(typeof template === 'string' ? [['tokenizer.chat_template', { text: template }] as const] : []),
  ]);
}

/** `a b` in its two halves; neither is empty. */
function halves(merge: string): Merge {
  const space = merge.indexOf(' ', 1);
  return [merge.slice(0, space), merge.slice(space + 1)];
}

/** llama.cpp's name of the way in which text is cut before merging. */
function preTokenizerOf({ normalizer, pre_tokenizer: given, model }: TokenizerJson): string | undefined {
  const steps = (given?.type === 'Sequence' ? given.pretokenizers! : [given]).map(plain);
  return Object.keys(preTokenizers).find((name) => {
    const known = preTokenizers[name]!;
    return (
      (known.ignoreMerges ?? false) === (model.ignore_merges ?? false) &&
      isDeepStrictEqual(plain(normalizer), plain(known.normalizer)) &&
      isDeepStrictEqual(steps, known.steps.map(plain))
    );
  });
}

/** A step without what does not change how text is cut. */
function plain(step: unknown): unknown {
  if (step === null || typeof step !== 'object') return null;
  const { trim_offsets: _, ...rest } = (step as Json)['type'] === 'ByteLevel' ? { use_regex: true, ...step } : (step as Json);
  // All of these patterns match every character, so that it is the same whether matches or what lies between them are taken.
  const matches = rest as Json;
  if (matches['type'] === 'Split' && matches['behavior'] === 'Removed' && matches['invert'] === true)
    return { ...matches, behavior: 'Isolated', invert: false };
  return JSON.parse(JSON.stringify(rest));
}

function tokensOf({ model, added_tokens: added = [] }: TokenizerJson, vocab: number): { texts: string[]; kinds: number[]; ids: Map<string, number> } {
  const ids = new Map<string, number>([...Object.entries(model.vocab), ...added.map(({ content, id }) => [content, id] as const)]);
  const size = Math.max(vocab, ...[...ids.values()].map((id) => id + 1));
  const texts = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const kinds = new Array<number>(size).fill(KIND.unused);
  for (const [text, id] of ids) {
    texts[id] = text;
    kinds[id] = model.byte_fallback ? kindOfPiece(text, model.unk_token ?? undefined) : KIND.normal;
  }
  for (const { id, special, content } of added)
    if (kinds[id] !== KIND.unknown || content !== model.unk_token) kinds[id] = special ? KIND.control : KIND.userDefined;
  return { texts, kinds, ids };
}

/** Whether the begin-of-text token comes before every text. */
function putsFirst({ post_processor: processor }: TokenizerJson, bos: number | undefined): boolean {
  const all = processor?.type === 'Sequence' ? (processor.processors as (typeof processor)[]) : [processor];
  return bos !== undefined && all.some((each) => each?.type === 'TemplateProcessing' && each.single?.[0] !== undefined && 'SpecialToken' in each.single[0]);
}
