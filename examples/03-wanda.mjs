/** Wanda, 2:4: looks at calibration text and zeroes two of every four weights; shape and size stay, half of the weights are 0. */
import { compose, wanda } from '@chop/chop';

const chop = await compose();
const base = await chop.open('embedded');
const plan = await chop.plan(base, wanda({ pattern: '2:4' }), { data: ['embedded'], samples: 8, window: 128 });

for (const { weight, kept, total } of plan.summary.masks.slice(0, 3)) console.log(`${weight}: ${kept} of ${total} weights stay`);
console.log(`… and so on, ${plan.summary.masks.length} matrices in all`);

const sparse = await chop.apply(base, plan);
const { out } = await chop.save(sparse, 'runs/examples/wanda', { force: true });
const score = await chop.evaluate({ base, sparse }, { perplexity: { data: ['embedded:valid'], window: 128, windows: 8 } });
console.log(`${out}: perplexity ${score.base.perplexity.value.toFixed(2)} → ${score.sparse.perplexity.value.toFixed(2)}`);
await base.close();
