// node train.mjs MODEL BATCH WINDOW RUNS: steps of continued pretraining with AdamW, as `chop train` makes them.
import { train, trainOptions } from '@chop/training';
import { model } from './model.mjs';
import { ids } from './process.mjs';

const [folder, batchSize, window, runs] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const opened = await model(folder);
const seconds = [];
await train({
  model: opened,
  options: trainOptions.parse({ steps: runs + 1, batchSize, window, schedule: 'constant', warmupSteps: 0 }),
  batch: () => ({ ids: ids(batchSize * window, opened.config.vocab_size), batchSize, window }),
  onEvent: (event) => event.type === 'step' && seconds.push(event.seconds),
});
process.stdout.write(`${JSON.stringify({ seconds: seconds.slice(1), peakBytes: process.resourceUsage().maxRSS * 1024 })}\n`);
