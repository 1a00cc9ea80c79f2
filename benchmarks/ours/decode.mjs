// node decode.mjs MODEL CONTEXT TOKENS [masked|packed]: one token after another, after a prompt; of the model as it is, masked 2:4, or masked and held packed.
import { decoder, holdPacked, keepNofM, magnitude } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { model } from './model.mjs';
import { ids, tell } from './process.mjs';

const [folder, context, tokens] = [process.argv[2], ...process.argv.slice(3, 5).map(Number)];
const form = process.argv[5];
const opened = await model(folder);
if (form !== undefined)
  for (const { name, linear } of opened.blueprint.weights.values()) {
    if (!linear) continue;
    const weight = opened.value(name);
    tf.tidy(() => weight.assign(tf.where(keepNofM(magnitude(weight), 2, 4), weight, tf.zerosLike(weight))));
  }
if (form === 'packed') holdPacked(opened.linears);
const reader = decoder(opened);
const next = async (given) => {
  const logits = reader.read(given);
  const values = await logits.data();
  logits.dispose();
  return values.indexOf(Math.max(...values.subarray(0, 16)));
};
await next(ids(context, opened.config.vocab_size));
await tell(tokens, () => next(Int32Array.of(1)));
