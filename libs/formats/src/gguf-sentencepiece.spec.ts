import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { Tokenizer } from '@huggingface/tokenizers';
import type { GgufValue } from './gguf-header.js';
import { ggufTokenizerFiles } from './gguf-tokenizer.js';
import { ggufVocabulary } from './gguf-vocabulary.js';

interface Golden {
  readonly tokens: string[];
  readonly scores: number[];
  readonly kinds: number[];
  /** Texts, and what SentencePiece cuts them into. */
  readonly cut: [string, number[]][];
}

/** tools/reference/gguf_vocabulary.py */
const golden = JSON.parse(readFileSync(new URL('../test/sentencepiece.golden.json', import.meta.url), 'utf8')) as Record<'llama' | 'gemma', Golden>;
type Metadata = Map<string, GgufValue>;

function metadata(name: 'llama' | 'gemma', more: Record<string, GgufValue> = {}): Metadata {
  const { tokens, scores, kinds } = golden[name];
  return new Map<string, GgufValue>(
    Object.entries({
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.scores': scores,
      'tokenizer.ggml.token_type': kinds,
      'tokenizer.ggml.bos_token_id': 1,
      'tokenizer.ggml.eos_token_id': 2,
      'tokenizer.ggml.unknown_token_id': 0,
      'tokenizer.ggml.add_space_prefix': name === 'llama',
      ...more,
    }),
  );
}

async function files(source: Metadata): Promise<{ tokenizer: string; config: string }> {
  const made = ggufTokenizerFiles(source, 'model.gguf');
  const text = async (name: string): Promise<string> => new TextDecoder().decode(await made.get(name)!());
  return { tokenizer: await text('tokenizer.json'), config: await text('tokenizer_config.json') };
}

async function opened(source: Metadata): Promise<Tokenizer> {
  const { tokenizer, config } = await files(source);
  return new Tokenizer(JSON.parse(tokenizer) as object, JSON.parse(config) as object);
}

/** What a writer makes of the files, as a reader finds it. */
async function written(source: Metadata): Promise<Metadata> {
  const typed = ggufVocabulary({
    ...(await files(source)),
    vocab: source.get('tokenizer.ggml.tokens') instanceof Array ? golden.llama.tokens.length : 0,
    source: 'x',
  });
  return new Map([...typed].map(([key, value]) => [key, Object.values(value)[0] as GgufValue]));
}

test.each(['llama', 'gemma'] as const)(
  'a SentencePiece vocabulary like that of %s cuts as SentencePiece does, and so does what is written of it',
  async (name) => {
    const source = metadata(name);
    const again = await written(source);
    expect(again.get('tokenizer.ggml.model')).toBe('llama');
    expect(again.get('tokenizer.ggml.tokens')).toEqual(golden[name].tokens);
    expect(again.get('tokenizer.ggml.token_type')).toEqual(golden[name].kinds);
    for (const key of ['add_space_prefix', 'bos_token_id', 'eos_token_id', 'unknown_token_id'])
      expect(again.get(`tokenizer.ggml.${key}`)).toBe(source.get(`tokenizer.ggml.${key}`));
    for (const from of [source, again]) {
      const tokenizer = await opened(from);
      for (const [text, ids] of golden[name].cut) {
        expect([text, tokenizer.encode(text, { add_special_tokens: false }).ids]).toEqual([text, ids]);
        if (ids.length > 0) expect(tokenizer.decode(ids)).toBe(text);
      }
      expect(tokenizer.encode('a').ids).toEqual([1, ...golden[name].cut.find(([text]) => text === 'a')![1]]);
    }
  },
);

test('scores that are missing are refused', async () => {
  const source = metadata('llama', { 'tokenizer.ggml.scores': [0, 1] });
  await expect(files(source)).rejects.toMatchObject({
    code: 'CHECKPOINT_TOKENIZER',
    message: expect.stringMatching(/2 scores.*one for each of 420/) as unknown,
  });
});
