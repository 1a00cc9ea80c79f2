/** Wanda, 2:4: looks at calibration text and zeroes two of every four weights; shape and size stay, half of the weights are 0. */
import { compose, wanda } from '@chop/chop';

const chop = await compose();
const base = await chop.open('embedded');
const calibration = { data: ['embedded'], samples: 8, window: 128 };
const planned = await chop.planWith(base, wanda({ pattern: '2:4' }), calibration);

for (const { weight, kept, total } of planned.summary.masks.slice(0, 3)) console.log(`${weight}: ${kept} of ${total} weights stay`);
console.log(`… and so on, ${planned.summary.masks.length} matrices in all`);

const { out } = await chop.save(base, planned, { out: 'runs/examples/wanda', force: true });
const { perplexity } = await chop.evaluate(out, { perplexity: { data: ['embedded:valid'], window: 128, windows: 8 } });
console.log(`${out}: perplexity ${perplexity.value.toFixed(2)}`);
