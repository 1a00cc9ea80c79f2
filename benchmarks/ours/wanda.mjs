// node wanda.mjs MODEL SAMPLES WINDOW: Wanda 2:4 of all linear layers, block after block on pruned inputs; opening and saving left out.
import { drive, MethodSession, Random } from '@chop/core';
import { packBits, packedServesManyRows, startEngine, withFloatChains, withPackedWeights, zeroDropped } from '@chop/kernels';
import { wanda } from '@chop/wanda';
import { model } from './model.mjs';
import { ids } from './process.mjs';

const [folder, samples, window] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const opened = await model(folder);
const tokens = ids(samples * window, opened.config.vocab_size);
const text = async () => Array.from({ length: samples }, (_, i) => tokens.subarray(i * window, (i + 1) * window));
const packs = packedServesManyRows(await startEngine({ engine: 'tensorflow' }));
const session = new MethodSession({
  model: opened,
  random: () => Random.of(0),
  text,
  everywhereAlike: withFloatChains,
  zeroDropped,
  packBits,
  ...(packs ? { withMasked: withPackedWeights } : {}),
});
const started = performance.now();
await drive(wanda.method.plan(session, wanda.method.options.parse({ pattern: '2:4' })), session, 'wanda');
process.stdout.write(`${JSON.stringify({ seconds: [(performance.now() - started) / 1000], peakBytes: process.resourceUsage().maxRSS * 1024 })}\n`);
