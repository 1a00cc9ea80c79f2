/**
 * `node --expose-gc two-hundred-steps.mjs '{"checkpointBlocks":false,"leak":false}'`: trains a Llama of 4 layers for 200 steps in a process of its own, so that nothing else
 * comes and goes in its memory, and prints, for every 50th step, how many tensors there are and the bytes that the process holds. With `leak` it keeps a tensor of 2 MB of every step.
 */
import { existsSync, readFileSync } from 'node:fs';
import { randomCheckpoint } from '@chop/core/testing';
import { startEngine } from '@chop/kernels';
import { llama } from '@chop/models';
import { train, trainOptions } from '@chop/training';
import * as tf from '@tensorflow/tfjs-core';

const STEPS = 200;
const EVERY = 50;
const WINDOW = 8;
const BATCH = 16;
const LEAKED = [64, 8192];

/** Where Linux says what of a process is swapped out. */
const STATUS = '/proc/self/status';

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 30,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 4,
  num_attention_heads: 2,
  num_key_value_heads: 2,
};

const { checkpointBlocks, leak } = JSON.parse(process.argv[2]);

await startEngine();
const model = llama.family.model(llama.family.blueprint(CONFIG));
await model.load(randomCheckpoint(llama.family, CONFIG, 1));

const looks = [];
await train({
  model,
  options: trainOptions.parse({ steps: STEPS, batchSize: BATCH, window: WINDOW, accumulate: 2, checkpointBlocks }),
  batch: (index) => ({
    ids: Int32Array.from({ length: BATCH * WINDOW }, (_, i) => (index * 11 + i * 7) % CONFIG.vocab_size),
    batchSize: BATCH,
    window: WINDOW,
  }),
  onEvent: ({ type, step }) => {
    if (type !== 'step') return;
    if (leak) tf.keep(tf.tidy(() => tf.add(tf.zeros(LEAKED), 1)));
    if (step % EVERY === 0) looks.push({ tensors: tf.memory().numTensors, bytes: held() });
  },
});
console.log(JSON.stringify(looks));

/** Memory of the process after JavaScript's own garbage is gone, what the system has swapped out meanwhile included. */
function held() {
  globalThis.gc();
  const [, swapped] = (existsSync(STATUS) && /^VmSwap:\s*(\d+) kB$/m.exec(readFileSync(STATUS, 'utf8'))) || [];
  return process.memoryUsage().rss + 1024 * Number(swapped ?? 0);
}
