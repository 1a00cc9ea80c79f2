import { Tokenizer } from '@chop/data';
import { jsonText } from '../edited-json.mjs';
import { expectThat, reader } from '../oracle.mjs';
import { tokenizerConfig, tokenizers } from '../seeds.mjs';

const TEXT = `abc ab  cab\r\n\n 123 ${'a'.repeat(64)}!${' '.repeat(64)}x <s>é中文</s>`;
const config = Buffer.from(JSON.stringify(tokenizerConfig));

/** The bytes are tokenizer.json; edits that begin with an odd byte change tokenizer_config.json instead. */
export const fuzz = reader(async (data) => {
  const ofConfig = data[0] === 0xee;
  const [first, second] = ofConfig
    ? [Buffer.from(JSON.stringify(tokenizers[1])), Buffer.from(jsonText(Buffer.concat([Buffer.of(0xed), data.subarray(1)]), [tokenizerConfig]))]
    : [Buffer.from(jsonText(data, tokenizers)), config];
  const companions = new Map([
    ['tokenizer.json', async () => first],
    ['tokenizer_config.json', async () => second],
  ]);
  const tokenizer = await Tokenizer.open({ companions, source: 'fuzz' });
  const ids = tokenizer.encode(TEXT, { addSpecialTokens: true });
  expectThat(
    ids.every((id) => Number.isInteger(id) && id >= 0),
    `ids that are none: ${ids.slice(0, 20)}`,
  );
  expectThat(typeof tokenizer.decode(ids, { skipSpecialTokens: true }) === 'string', 'a text that is none');
  tokenizer.pieces(ids);
  tokenizer.byteLength(ids);
  if (typeof tokenizerConfig.chat_template === 'string') tokenizer.chat([{ role: 'user', content: 'a' }], { addGenerationPrompt: true });
});
