import { expect, test } from '@jest/globals';
import { openTokenizer, reference } from '../test/tokenizers.js';

const good = { ...reference.tokenizer, pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false } };
const opened = (changes: object) => openTokenizer({ 'tokenizer.json': { ...good, ...changes } });
const model = (changes: object) => ({ model: { ...good.model, ...changes } });
const replace = (content: string) => ({ type: 'Replace', pattern: { String: ' ' }, content });

test('the tokenizer that the others differ from is taken', async () => {
  expect((await opened({})).encode('a')).toHaveLength(1);
});

test.each([
  ['an id that would make a list of four billion', model({ vocab: { a: 4294967295 } }), 'ids below'],
  ['an id that is none', model({ vocab: { a: 'b' } }), 'ids below'],
  ['merges that are no pairs', model({ merges: [['a']] }), 'merges of another kind'],
  ['an added token without an id', { added_tokens: [{ content: 'a' }] }, 'added token'],
  ['an empty added token', { added_tokens: [{ content: '', id: 1 }] }, 'added token'],
  ['a pattern without an end', { pre_tokenizer: { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated', invert: false } }, 'comes to an end'],
  ['a pattern that is none', { pre_tokenizer: { type: 'Split', pattern: {}, behavior: 'Isolated' } }, 'Regex'],
  ['a pattern that does not compile', { normalizer: { type: 'Replace', pattern: { Regex: '[' }, content: '' } }, 'cannot be built'],
  ['replacements that multiply', { normalizer: { type: 'Sequence', normalizers: [replace('    '), replace(' '.repeat(100))] } }, 'very much longer'],
  ['pieces of no length', { pre_tokenizer: { type: 'FixedLength', length: 0 } }, 'from 1 to'],
  [
    'steps in steps without an end',
    { normalizer: Array.from({ length: 20 }).reduce((inner) => ({ type: 'Sequence', normalizers: [inner] }), { type: 'NFC' }) },
    'deep',
  ],
  ['an unknown kind of model', model({ type: 'constructor' }), 'BPE, WordPiece or Unigram'],
  ['a Unigram model without its unknown token', { model: { type: 'Unigram', unk_id: null, vocab: [['a', 0]] } }, 'the id of the unknown token'],
  ['a decoder that strips a billion characters', { decoder: { type: 'Strip', content: ' ', start: 1e9, stop: 0 } }, 'whole number'],
])('%s is refused', async (_, changes, expected) => {
  const error = (await opened(changes).catch((thrown: unknown) => thrown)) as Error & { code: string };
  expect(error.code).toBe('TOKENIZER_BROKEN');
  expect(error.message).toContain(expected);
});
