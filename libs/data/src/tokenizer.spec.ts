import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CHATML, openKind, openTokenizer, reference, smollm2 } from '../test/tokenizers.js';
import { TextStream } from './text-stream.js';

const { sentencePiece } = reference;
const byteLevel = reference.kinds.map(({ name }) => name);
const oddText = fc
  .array(fc.oneof(fc.constantFrom(' ', '\n', '1', 'a', "'s", '<|im_end|>', '🙂', '\uFEFF', '\u0085'), fc.string({ unit: 'binary', maxLength: 3 })), {
    maxLength: 30,
  })
  .map((parts) => parts.join(''));

test.each(reference.kinds)("$name: the ids of Hugging Face's tokenizers, on odd texts", async ({ name, ids }) => {
  const tokenizer = await openKind(name);
  expect(reference.texts.map((text) => tokenizer.encode(text))).toEqual(ids);
});

test("SmolLM2: GOLDEN's tokens", async () => {
  const tokenizer = await openTokenizer({ 'tokenizer.json': smollm2.tokenizer });
  expect(smollm2.texts.map((text) => tokenizer.encode(text))).toEqual(smollm2.ids);
  expect(smollm2.ids.map((ids) => tokenizer.decode(ids))).toEqual(smollm2.texts);
});

test('a tokenizer with byte fallback: the ids of Hugging Face, with and without special tokens, and the text back', async () => {
  const tokenizer = await openTokenizer({ 'tokenizer.json': sentencePiece.tokenizer });
  expect(sentencePiece.texts.map((text) => tokenizer.encode(text))).toEqual(sentencePiece.ids);
  expect(sentencePiece.texts.map((text) => tokenizer.encode(text, { addSpecialTokens: true }))).toEqual(sentencePiece.idsWithSpecials);
  expect(sentencePiece.idsWithSpecials.map((ids) => tokenizer.decode(ids, { skipSpecialTokens: true }))).toEqual(sentencePiece.decoded);
});

test.each(byteLevel)('%s: any text comes back, its bytes are counted, its parts cover it', async (name) => {
  const tokenizer = await openKind(name);
  fc.assert(
    fc.property(oddText, (raw) => {
      const text = tokenizer.composed(raw);
      const ids = tokenizer.encode(raw);
      const parts = [...tokenizer.encodeLazily(text)];
      expect(tokenizer.decode(ids)).toBe(text);
      expect(tokenizer.byteLength(ids)).toBe(Buffer.byteLength(text.replaceAll(/<\|(endoftext|im_start|im_end)\|>/g, '')));
      expect(parts.flatMap((part) => part.ids)).toEqual(ids);
      expect(parts.at(-1)?.end ?? 0).toBe(text.length);
    }),
  );
});

test.each([...byteLevel, 'byte fallback'])('%s: a stream hands over whole characters only, and all of the text', async (name) => {
  const tokenizer = name === 'byte fallback' ? await openTokenizer({ 'tokenizer.json': sentencePiece.tokenizer }) : await openKind(name);
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'é', '東', '🙂', '\n'), maxLength: 30 }), (text) => {
      const stream = new TextStream(tokenizer);
      const ids = tokenizer.encode(text);
      const pieces = ids.map((id) => stream.push(id));
      expect(pieces.join('')).toBe(tokenizer.decode(ids));
      expect(pieces.join('')).not.toContain('\uFFFD');
      expect(stream.end()).toBe('');
    }),
  );
});

test('a stream that ends within a character says so, and drops special tokens when asked', async () => {
  const tokenizer = await openKind('gpt2');
  const stream = new TextStream(tokenizer, { skipSpecialTokens: true });
  const [first] = tokenizer.encode('🙂');
  expect([stream.push(first!), stream.push(2), stream.end()]).toEqual(['', '', '\uFFFD']);
});

test('special tokens: named as text or as an object, several that end a text, in front where the config says so', async () => {
  const named = { 'tokenizer_config.json': { bos_token: { content: '<|im_start|>', lstrip: false }, eos_token: '<|im_end|>' } };
  const plain = await openKind('gpt2', named);
  expect([plain.bosId, plain.eosId, plain.stopIds]).toEqual([1, 2, [2]]);
  const several = await openKind('gpt2', { ...named, 'generation_config.json': { eos_token_id: [0, 2] } });
  expect(several.stopIds).toEqual([2, 0]);
  const fromGeneration = await openKind('gpt2', { 'tokenizer_config.json': {}, 'generation_config.json': { eos_token_id: 2, bos_token_id: 1 } });
  expect([fromGeneration.bosId, fromGeneration.eosId]).toEqual([1, 2]);

  const a = plain.encode('a');
  const framed = async (config: object) =>
    (await openKind('gpt2', { 'tokenizer_config.json': { ...named['tokenizer_config.json'], ...config } })).encode('a', { addSpecialTokens: true });
  expect(plain.encode('a', { addSpecialTokens: true })).toEqual(a);
  expect(await framed({ add_bos_token: true })).toEqual([1, ...a]);
  expect(await framed({ add_bos_token: true, add_eos_token: true })).toEqual([1, ...a, 2]);
  const without = await openTokenizer({ 'tokenizer.json': sentencePiece.tokenizer, 'tokenizer_config.json': { bos_token: '<s>', add_bos_token: false } });
  expect(without.encode('ab', { addSpecialTokens: true })).toEqual(sentencePiece.ids[0]);
});

test('a chat template: from its own file, else from the config, by name where there are several', async () => {
  const turns = [{ role: 'user', content: 'Hi' }];
  const own = await openKind('gpt2', { 'chat_template.jinja': CHATML, 'tokenizer_config.json': { chat_template: 'other' } });
  expect(own.chat(turns, { addGenerationPrompt: true })).toBe('<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n');
  expect(own.chat(turns)).toBe('<|im_start|>user\nHi<|im_end|>\n');
  const several = await openKind('gpt2', {
    'tokenizer_config.json': {
      bos_token: '<|im_start|>',
      chat_template: [
        { name: 'tool_use', template: 'no' },
        { name: 'default', template: '{{ bos_token }}{{ messages[0].content }}' },
      ],
    },
  });
  expect(several.chat(turns)).toBe('<|im_start|>Hi');
});

test('a chat template that is missing, broken, or refuses the conversation', async () => {
  const chat = async (template: string) => (await openKind('gpt2', { 'chat_template.jinja': template })).chat([{ role: 'tool', content: '' }]);
  const plain = await openKind('gpt2');
  expect(() => plain.chat([])).toThrow(expect.objectContaining({ code: 'CHAT_TEMPLATE_MISSING' }));
  await expect(chat("{{ raise_exception('no tools here') }}")).rejects.toMatchObject({
    code: 'CHAT_TEMPLATE',
    message: expect.stringContaining('no tools here') as unknown,
  });
  await expect(chat('{% for %}')).rejects.toMatchObject({ code: 'TOKENIZER_BROKEN' });
});

test.each([
  ['no tokenizer.json', { 'vocab.json': {} }, 'TOKENIZER_MISSING', /only vocab.json/],
  ['broken JSON', { 'tokenizer.json': '{"model": ' }, 'TOKENIZER_BROKEN', /model\/tokenizer.json: found broken JSON/],
  ['a list', { 'tokenizer.json': [] }, 'TOKENIZER_BROKEN', /no object/],
  ['no model', { 'tokenizer.json': {} }, 'TOKENIZER_BROKEN', /BPE, WordPiece or Unigram/],
  ['an unknown model', { 'tokenizer.json': { model: { type: 'Runes' } } }, 'TOKENIZER_BROKEN', /Runes/],
  ['a broken config', { 'tokenizer.json': reference.tokenizer, 'tokenizer_config.json': '{' }, 'TOKENIZER_BROKEN', /tokenizer_config.json/],
])('%s is refused, naming the file', async (_, files, code, says) => {
  await expect(openTokenizer(files)).rejects.toMatchObject({ code, message: expect.stringMatching(says) as unknown });
});
