import { composed, openModel } from '../parts.mjs';
import { drain, placed, reader } from '../oracle.mjs';

export const fuzz = reader(async (data) => {
  const opened = await openModel(composed.parts, placed('model.gguf', data));
  try {
    await drain(opened.checkpoint);
    const tokenizer = await opened.tokenizer();
    tokenizer.decode(tokenizer.encode('abc ab\n\n  cab 12', { addSpecialTokens: true }));
  } finally {
    await opened.close();
  }
});
