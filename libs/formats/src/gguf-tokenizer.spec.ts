import { describe, expect, test } from '@jest/globals';
import { Tokenizer } from '@huggingface/tokenizers';
import type { GgufValue } from './gguf-header.js';
import { ggufTokenizerFiles } from './gguf-tokenizer.js';

// Ġ stands for the space and Ċ for the newline, as in every byte-level vocabulary.
const TOKENS = [
  '<|end|>',
  '<tool>',
  ..."abcdehlot012345'!ĠĊÃ©e\u0301".split('').filter((c, i, all) => all.indexOf(c) === i && c !== '\u0301'),
  'Ì',
  'ģ',
  '12',
  '123',
  '1234',
  'he',
  'll',
  'hell',
  'hello',
  'Ġhe',
  "'t",
  'ĠĠ',
  'Ã©',
  'ab',
  'abc',
];
const MERGES = ['1 2', '12 3', '123 4', 'h e', 'Ġ he', 'l l', 'he ll', 'hell o', "' t", 'Ġ Ġ', 'Ã ©', 'a b'];

function metadata(over: Record<string, GgufValue | undefined> = {}): Map<string, GgufValue> {
  const base: Record<string, GgufValue | undefined> = {
    'general.architecture': 'llama',
    'llama.context_length': 2048,
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'gpt-2',
    'tokenizer.ggml.tokens': TOKENS,
    'tokenizer.ggml.merges': MERGES,
    'tokenizer.ggml.token_type': TOKENS.map((_, i) => (i === 0 ? 3 : i === 1 ? 4 : 1)),
    'tokenizer.ggml.bos_token_id': 0,
    'tokenizer.ggml.eos_token_id': 0,
    ...over,
  };
  return new Map(Object.entries(base).filter((entry): entry is [string, GgufValue] => entry[1] !== undefined));
}

async function file(name: string, over?: Record<string, GgufValue | undefined>): Promise<Record<string, unknown>> {
  const bytes = await ggufTokenizerFiles(metadata(over), 'model.gguf').get(name)!();
  return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
}

async function pieces(text: string, over?: Record<string, GgufValue | undefined>): Promise<string[]> {
  const tokenizer = new Tokenizer(await file('tokenizer.json', over), await file('tokenizer_config.json', over));
  const { ids } = tokenizer.encode(text);
  const decoded = tokenizer.decode(ids, { skip_special_tokens: true });
  expect(text.normalize('NFC').replaceAll('<|end|>', '')).toBe(decoded.normalize('NFC'));
  return ids.map((id: number) => TOKENS[id]!);
}

describe('text is cut as the file names it', () => {
  const cut = (pre: string | undefined) => ({ 'tokenizer.ggml.pre': pre, 'tokenizer.ggml.add_bos_token': false });

  test.each([
    ['smollm', ['1', '2', '3', '4', '5']],
    ['gpt-2', ['1234', '5']],
    ['default', ['1234', '5']],
    [undefined, ['1234', '5']],
    ['llama-bpe', ['123', '4', '5']],
    ['qwen2', ['1', '2', '3', '4', '5']],
    ['dbrx', ['123', '4', '5']],
    ['gpt-4o', ['123', '4', '5']],
    ['tekken', ['1', '2', '3', '4', '5']],
    ['refact', ['1', '2', '3', '4', '5']],
    ['olmo', ['1234', '5']],
  ])('%s: digits', async (pre, expected) => {
    expect(await pieces('12345', cut(pre))).toEqual(expected);
  });

  test.each(['smollm', 'gpt-2', 'llama-bpe', 'qwen2', 'olmo', 'dbrx', 'gpt-4o'])(
    '%s: words keep the space before them, contractions stay together',
    async (pre) => {
      expect(await pieces("hello hello't", cut(pre))).toEqual(['hello', 'Ġhe', 'll', 'o', "'t"]);
      expect(await pieces('a   he', cut(pre))).toEqual(['a', 'ĠĠ', 'Ġhe']);
    },
  );

  test('a newline after punctuation belongs to it in llama-bpe and qwen2, not in gpt-2', async () => {
    const over = (pre: string) => ({
      ...cut(pre),
      'tokenizer.ggml.tokens': [...TOKENS, '!Ċ'],
      'tokenizer.ggml.merges': [...MERGES, '! Ċ'],
      'tokenizer.ggml.token_type': undefined,
    });
    for (const [pre, count] of [
      ['llama-bpe', 2],
      ['qwen2', 2],
      ['gpt-2', 3],
      ['smollm', 3],
    ] as const)
      expect(await pieces('a!\n', over(pre))).toHaveLength(count);
  });

  test('a piece that is a token is taken without its merges in llama-bpe only', async () => {
    expect(await pieces('abc', cut('llama-bpe'))).toEqual(['abc']);
    expect(await pieces('abc', cut('gpt-2'))).toEqual(['ab', 'c']);
  });

  test('qwen2 composes accents first', async () => {
    expect(await pieces('e\u0301', cut('qwen2'))).toEqual(['Ã©']);
    expect(await pieces('e\u0301', cut('gpt-2'))).toEqual(['e', 'Ì', 'ģ']);
  });
});

test('control tokens are special, user-defined ones are added without being special, both found in text', async () => {
  const { added_tokens: added } = await file('tokenizer.json');
  const rest = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  expect(added).toEqual([
    { id: 0, content: '<|end|>', special: true, ...rest },
    { id: 1, content: '<tool>', special: false, ...rest },
  ]);
  expect(await pieces('a<|end|>b<tool>')).toEqual(['a', '<|end|>', 'b', '<tool>']);
});

test('the begin-of-text token comes first when the file says so, or says nothing and is of llama-bpe', async () => {
  const first = async (over: Record<string, GgufValue | undefined>): Promise<boolean> => (await pieces('a', over))[0] === '<|end|>';
  expect(await first({})).toBe(false);
  expect(await first({ 'tokenizer.ggml.add_bos_token': true })).toBe(true);
  expect(await first({ 'tokenizer.ggml.pre': 'llama-bpe' })).toBe(true);
  expect(await first({ 'tokenizer.ggml.pre': 'llama-bpe', 'tokenizer.ggml.add_bos_token': false })).toBe(false);
  expect(await pieces('a', { 'tokenizer.ggml.add_eos_token': true })).toEqual(['a', '<|end|>']);
});

test('the other files carry the special tokens, the chat template and the length', async () => {
  const over = {
    'tokenizer.chat_template': '{{ messages }}',
    'tokenizer.ggml.unknown_token_id': 1,
    'tokenizer.ggml.padding_token_id': 1,
    'tokenizer.ggml.eot_token_id': 1,
  };
  const named = { bos_token: '<|end|>', eos_token: '<|end|>', unk_token: '<tool>', pad_token: '<tool>' };
  expect(await file('special_tokens_map.json', over)).toEqual(named);
  expect(await file('tokenizer_config.json', over)).toMatchObject({ ...named, chat_template: '{{ messages }}', model_max_length: 2048, add_bos_token: false });
  expect(await file('generation_config.json', over)).toEqual({ bos_token_id: 0, eos_token_id: [0, 1], pad_token_id: 1 });
  expect(await file('generation_config.json')).toEqual({ bos_token_id: 0, eos_token_id: 0 });
});

test('a file without a tokenizer has no tokenizer files', () => {
  expect(ggufTokenizerFiles(new Map(), 'model.gguf').size).toBe(0);
});

test.each<[what: string, over: Record<string, GgufValue | undefined>, says: RegExp]>([
  ['another kind of tokenizer', { 'tokenizer.ggml.model': 't5' }, /kind "t5"/],
  ['an unknown pre-tokenizer', { 'tokenizer.ggml.pre': 'superbpe' }, /"superbpe".*expected gpt-2, default, .*smollm, .*llama-bpe, .*tekken/],
  ['a pre-tokenizer named like a method', { 'tokenizer.ggml.pre': 'constructor' }, /"constructor"/],
  ['no tokens', { 'tokenizer.ggml.tokens': undefined }, /no tokenizer.ggml.tokens/],
  ['a token twice', { 'tokenizer.ggml.tokens': [...TOKENS.slice(0, -1), 'a'] }, /"a" twice/],
  ['a merge of unknown tokens', { 'tokenizer.ggml.merges': ['x y'] }, /merge "x y"/],
  ['a merge that is none', { 'tokenizer.ggml.merges': ['ab'] }, /merge "ab"/],
  ['fewer types than tokens', { 'tokenizer.ggml.token_type': [1] }, /1 token types/],
  ['a special token beyond the vocabulary', { 'tokenizer.ggml.eos_token_id': 9999 }, /9999 as eos_token_id/],
])('%s is refused when the tokenizer is asked for', async (_, over, says) => {
  await expect(file('tokenizer.json', over)).rejects.toMatchObject({ code: 'CHECKPOINT_TOKENIZER', message: expect.stringMatching(says) as unknown });
});
