import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CHATML, openKind, openTokenizer, reference } from '../test/tokenizers.js';
import { tokenise, type TokeniseOptions } from './packing.js';
import type { Document } from './text.js';
import type { Tokenizer } from './tokenizer.js';

async function* documentsOf(contents: readonly Pick<Document, 'text' | 'messages'>[]): AsyncGenerator<Document> {
  for (const [i, content] of contents.entries()) yield { ...content, file: 'data.jsonl', line: i + 1 };
}

const tokeniseTexts = (texts: readonly string[], tokenizer: Tokenizer, options?: TokeniseOptions) =>
  tokenise(documentsOf(texts.map((text) => ({ text }))), tokenizer, options);

test('without a joining text, every document ends with the end-of-text token', async () => {
  const tokenizer = await openKind('smollm');
  const [a, b] = ['One text.', ' Another'].map((text) => tokenizer.encode(text));
  const table = await tokeniseTexts(['One text.', ' Another'], tokenizer);
  expect([...table.ids]).toEqual([...a!, 0, ...b!, 0]);
  expect([...table.documents!]).toEqual([0, a!.length + 1]);
  expect(table.answers).toBeUndefined();
});

test.each(reference.kinds.map(({ name }) => name))('%s: joined documents are tokenised as one string', async (name) => {
  const tokenizer = await openKind(name);
  const part = fc.string({ unit: fc.constantFrom('a', 'b', '\n', ' ', '1', 'e\u0301', '東', '.'), minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 6 }), fc.constantFrom('\n\n', '', ' ', '<|im_end|>'), async (texts, join) => {
      const table = await tokeniseTexts(texts, tokenizer, { join });
      expect([...table.ids]).toEqual(tokenizer.encode(texts.join(join)));
    }),
  );
});

test.each(reference.kinds.map(({ name }) => name))('%s: every joined document is found again', async (name) => {
  const tokenizer = await openKind(name);
  const part = fc.string({ unit: fc.constantFrom('a', 'b', '\n', ' ', '1', 'e\u0301', '東', '.'), maxLength: 12 }).map((text) => `b${text}.`);
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 6 }), fc.constantFrom('\n\n', '<|im_end|>'), async (texts, join) => {
      const { ids, documents } = await tokeniseTexts(texts, tokenizer, { join });
      const found = Array.from(documents!, (start) => tokenizer.decode(ids.subarray(start)));
      expect(found).toEqual(texts.map((_, i) => tokenizer.composed(texts.slice(i).join(join))));
    }),
  );
});

test('a document that begins within a word begins with the next word', async () => {
  const tokenizer = await openKind('gpt2');
  const texts = ['One', ' two', 'three', '. Four'];
  const table = await tokeniseTexts(texts, tokenizer, { join: '' });
  expect([...table.documents!].map((start) => tokenizer.decode(table.ids.subarray(start)))).toEqual(['One twothree. Four', ' twothree. Four', '. Four']);
});

test('a tokenizer that does not tell places gives no documents, but all ids', async () => {
  const tokenizer = await openTokenizer({ 'tokenizer.json': reference.sentencePiece.tokenizer });
  const table = await tokeniseTexts(['ab', 'abc'], tokenizer, { join: ' ' });
  expect([...table.ids]).toEqual(reference.sentencePiece.ids[1]);
  expect(table.documents).toBeUndefined();
});

test.each([undefined, '\n\n'])('no more tokens than asked for, and the same ones (joined by %j)', async (join) => {
  const tokenizer = await openKind('smollm');
  const texts = Array.from({ length: 30 }, (_, i) => `Document number ${i}, with some words.`);
  const options = join === undefined ? {} : { join };
  const whole = await tokeniseTexts(texts, tokenizer, options);
  for (const maxTokens of [1, 7, 100, whole.ids.length + 1]) {
    const part = await tokeniseTexts(texts, tokenizer, { ...options, maxTokens });
    expect([...part.ids]).toEqual([...whole.ids.subarray(0, maxTokens)]);
    expect([...part.documents!]).toEqual([...whole.documents!].filter((start) => start < maxTokens));
  }
});

test('progress is told, and an interruption is heard within a long text', async () => {
  const tokenizer = await openKind('smollm');
  const long = 'word and word '.repeat(50_000);
  const heard: number[] = [];
  const { ids } = await tokeniseTexts([long], tokenizer, { onProgress: (tokens) => heard.push(tokens) });
  expect(heard.length).toBeGreaterThan(2);
  expect(heard).toEqual([...heard].sort((a, b) => a - b));
  expect(heard.at(-1)).toBe(ids.length);
  const controller = new AbortController();
  const stopped = tokeniseTexts([long], tokenizer, { join: '', signal: controller.signal, onProgress: () => controller.abort() });
  await expect(stopped).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

test('documents that cannot be separated, and no document at all, are refused', async () => {
  const nameless = await openKind('gpt2', { 'tokenizer_config.json': {} });
  await expect(tokeniseTexts(['a'], nameless)).rejects.toMatchObject({ code: 'EOS_MISSING' });
  await expect(tokeniseTexts([], nameless)).rejects.toMatchObject({ code: 'DATA_EMPTY' });
});

const turns = [
  { role: 'system', content: 'Be kind.' },
  { role: 'user', content: 'Hi' },
  { role: 'assistant', content: 'Hello, you.' },
  { role: 'user', content: 'Bye' },
  { role: 'assistant', content: 'See you' },
];

/** What is marked as said by the assistant, worked by hand for each template. */
test.each([
  ['ChatML', CHATML, ['Hello, you.<|im_end|>\n', 'See you<|im_end|>\n']],
  [
    'labels without special tokens',
    "{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}",
    [' Hello, you.\n', ' See you\n'],
  ],
  [
    'an opening only in the generation prompt',
    CHATML.replace("assistant\\n' }}{% endif", "assistant\\n<think>' }}{% endif"),
    ['Hello, you.<|im_end|>\n', 'See you<|im_end|>\n'],
  ],
  [
    'an end after the last turn',
    `${CHATML}{% if not add_generation_prompt %}<|endoftext|>{% endif %}`,
    ['Hello, you.<|im_end|>\n', 'See you<|im_end|>\n<|endoftext|>'],
  ],
])('answers are found in conversations: %s', async (_, template, answers) => {
  const tokenizer = await openKind('smollm', { 'chat_template.jinja': template });
  const table = await tokenise(documentsOf([{ messages: turns }, { messages: turns }]), tokenizer);
  const one = tokenizer.encode(tokenizer.chat(turns));
  expect([...table.ids]).toEqual([...one, ...one]);
  expect([...table.documents!]).toEqual([0, one.length]);
  const marked: number[][] = [];
  table.answers!.forEach((answer, i) => {
    if (answer === 0) return;
    if (i === 0 || table.answers![i - 1] === 0) marked.push([]);
    marked.at(-1)!.push(table.ids[i]!);
  });
  expect(marked.map((ids) => tokenizer.decode(ids))).toEqual([...answers, ...answers]);
});

test('a template that hides an answer, and one that refuses a conversation, are named with the line', async () => {
  const hiding = await openKind('smollm', { 'chat_template.jinja': '{{ messages[0].content }}' });
  await expect(tokenise(documentsOf([{ messages: turns }]), hiding)).rejects.toMatchObject({ code: 'CHAT_NO_ANSWER', facts: { file: 'data.jsonl', line: 1 } });
  const strict = await openKind('smollm', { 'chat_template.jinja': "{% if messages[0].role != 'user' %}{{ raise_exception('user first') }}{% endif %}ok" });
  await expect(tokenise(documentsOf([{ messages: [turns[0]!] }]), strict)).rejects.toMatchObject({
    code: 'CHAT_TEMPLATE',
    facts: { file: 'data.jsonl', line: 1 },
  });
});
