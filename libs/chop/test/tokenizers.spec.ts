import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDocuments, tokenise, Tokenizer } from '@chop/data';
import { openCheckpoint } from '@chop/formats';
import { expect, test } from '@jest/globals';
import { EMBEDDED_MODEL } from '../src/embedded.js';
import { golden, smollm2, TEXTS } from './golden.js';

async function embeddedTokenizer(): Promise<Tokenizer> {
  const names = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'];
  const companions = new Map(names.map((name) => [name, () => Promise.resolve(new Uint8Array(readFileSync(join(EMBEDDED_MODEL, name))))]));
  return Tokenizer.open({ source: 'embedded', companions });
}

test("the embedded model's tokenizer: digits apart, any text back, ChatML", async () => {
  const tokenizer = await embeddedTokenizer();
  expect([tokenizer.vocabularySize, tokenizer.bosId, tokenizer.eosId, tokenizer.stopIds]).toEqual([512, 0, 0, [0]]);
  const text = 'In 1984, naïve 東京 🙂\n\n  of\x00 ½';
  const ids = tokenizer.encode(text);
  expect(tokenizer.decode(ids)).toBe(text);
  expect(tokenizer.pieces(ids).filter((piece) => /\d/.test(piece))).toEqual(['1', '9', '8', '4']);
  expect(tokenizer.encode(tokenizer.chat([{ role: 'user', content: 'of' }], { addGenerationPrompt: true })).filter((id) => id < 3)).toEqual([1, 2, 1]);
});

test("SmolLM2's tokenizer out of its GGUF file gives GOLDEN's tokens, and the 153065 of the test text", async () => {
  const checkpoint = await openCheckpoint(smollm2());
  try {
    const tokenizer = await Tokenizer.open(checkpoint);
    const reference = golden<{ tokens: { text: string; ids: number[] }[]; 'wikitext2-test-a tokens': number }>('smollm2-reference.json');
    for (const { text, ids } of reference.tokens) expect(tokenizer.encode(text)).toEqual(ids);
    const { ids } = await tokenise(openDocuments([join(TEXTS, 'wikitext2-test-a.txt')]), tokenizer, { join: '' });
    expect(ids).toHaveLength(reference['wikitext2-test-a tokens']);
  } finally {
    await checkpoint.close();
  }
});
