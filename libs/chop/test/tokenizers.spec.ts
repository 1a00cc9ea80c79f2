import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openDocuments, tokenise, Tokenizer } from '@chop/data';
import { openCheckpoint } from '@chop/formats';
import { expect, test } from '@jest/globals';
import { EMBEDDED_MODEL } from '../src/embedded.js';

/** SmolLM2-135M-Instruct as a GGUF file, and the folder of the reference numbers with its texts beside it. */
const { CHOP_TEST_GGUF: gguf, CHOP_GOLDEN: golden = join(import.meta.dirname, '../../../../shared/golden') } = process.env;

async function embeddedTokenizer(): Promise<Tokenizer> {
  const names = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'];
  const companions = new Map(names.map((name) => [name, () => Promise.resolve(new Uint8Array(readFileSync(join(EMBEDDED_MODEL, name))))]));
  return Tokenizer.open({ source: 'embedded', companions });
}

test("the embedded model's tokenizer: digits apart, any text back, ChatML", async () => {
  const tokenizer = await embeddedTokenizer();
  expect([tokenizer.vocabularySize, tokenizer.bosId, tokenizer.eosId, tokenizer.stopIds]).toEqual([4096, 0, 0, [0]]);
  const text = 'In 1984, naïve 東京 🙂\n\n  of\x00 ½';
  const ids = tokenizer.encode(text);
  expect(tokenizer.decode(ids)).toBe(text);
  expect(tokenizer.pieces(ids).filter((piece) => /\d/.test(piece))).toEqual(['1', '9', '8', '4']);
  expect(tokenizer.encode(tokenizer.chat([{ role: 'user', content: 'of' }], { addGenerationPrompt: true })).filter((id) => id < 3)).toEqual([1, 2, 1]);
});

if (gguf !== undefined) {
  test("SmolLM2's tokenizer out of its GGUF file gives GOLDEN's tokens, and the 153065 of the test text", async () => {
    const checkpoint = await openCheckpoint(gguf);
    try {
      const tokenizer = await Tokenizer.open(checkpoint);
      const reference = JSON.parse(readFileSync(join(golden, 'smollm2-reference.json'), 'utf8')) as {
        tokens: { text: string; ids: number[] }[];
        'wikitext2-test-a tokens': number;
      };
      for (const { text, ids } of reference.tokens) expect(tokenizer.encode(text)).toEqual(ids);
      const file = join(dirname(golden), 'data/text/wikitext2-test-a.txt');
      expect(existsSync(file)).toBe(true);
      const { ids } = await tokenise(openDocuments([file]), tokenizer, { join: '' });
      expect(ids).toHaveLength(reference['wikitext2-test-a tokens']);
    } finally {
      await checkpoint.close();
    }
  });
}
