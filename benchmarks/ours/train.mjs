// node train.mjs MODEL BATCH WINDOW RUNS [PRECISION]: steps of continued pretraining with AdamW, as `chop train` makes them.
import { train, trainOptions } from '@chop/training';
import { model } from './model.mjs';
import { ids } from './process.mjs';

const [folder, batchSize, window, runs] = [process.argv[2], ...process.argv.slice(3, 6).map(Number)];
const precision = process.argv[6] ?? 'f32';
const opened = await model(folder);
const seconds = [];
await train({
  model: opened,
  options: trainOptions.parse({ steps: runs + 1, batchSize, window, schedule: 'constant', warmupSteps: 0, precision }),
  batch: () => ({ ids: ids(batchSize * window, opened.config.vocab_size), batchSize, window }),
  onEvent: (event) => event.type === 'step' && seconds.push(event.seconds),
});
process.stdout.write(`${JSON.stringify({ seconds: seconds.slice(1), peakBytes: process.resourceUsage().maxRSS * 1024 })}\n`);
