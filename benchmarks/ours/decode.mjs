// node decode.mjs MODEL CONTEXT TOKENS: one token after another, after a prompt.
import { decoder } from '@chop/kernels';
import { model } from './model.mjs';
import { ids, tell } from './process.mjs';

const [folder, context, tokens] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const opened = await model(folder);
const reader = decoder(opened);
const next = async (given) => {
  const logits = reader.read(given);
  const values = await logits.data();
  logits.dispose();
  return values.indexOf(Math.max(...values.subarray(0, 16)));
};
await next(ids(context, opened.config.vocab_size));
await tell(tokens, () => next(Int32Array.of(1)));
