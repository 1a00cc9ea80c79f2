// node forward.mjs MODEL BATCH WINDOW RUNS: all hidden states and the log probability of every next token.
import { rowsOf, tokenLogProbabilities } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { model } from './model.mjs';
import { ids, tell } from './process.mjs';

const [folder, batch, window, runs] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const opened = await model(folder);
const tokens = ids(batch * window, opened.config.vocab_size);
await tell(runs, async () => {
  const values = tf.tidy(() => {
    const at = tf.tensor2d(tokens, [batch, window], 'int32');
    return tokenLogProbabilities(rowsOf(opened.predict(at)), tf.tensor1d(tokens, 'int32'));
  });
  await values.data();
  values.dispose();
});
