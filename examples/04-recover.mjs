/** Drops layers and keeps pretraining: a few steps on text, with the uncut model as teacher, and the perplexity at each stage. */
import { compose, distillLogits, layerChop } from '@chop/chop';

const chop = await compose();
const base = await chop.open('embedded');
const plan = await chop.plan(base, layerChop({ keep: 4 }));
const small = await chop.apply(base, plan);
const tuned = await chop.train(small, {
  data: ['embedded'],
  steps: 8,
  batchSize: 4,
  window: 128,
  lr: 1e-3,
  warmupSteps: 2,
  loss: distillLogits({ teacher: base, temperature: 2, weight: 0.5 }),
});
const score = await chop.evaluate({ base, small, tuned }, { perplexity: { data: ['embedded:valid'], window: 128, windows: 8 } });
await chop.save(tuned, 'runs/examples/recovered', { force: true });

const { steps, tokens, losses } = tuned.training;
console.log(`${steps} steps, ${tokens} tokens, loss ${losses[0].toFixed(3)} → ${losses.at(-1).toFixed(3)}`);
for (const [name, { parameters, perplexity }] of Object.entries(score))
  console.log(`${name.padEnd(6)} ${(parameters / 1e6).toFixed(1)} M parameters, perplexity ${perplexity.value.toFixed(1)}`);
await base.close();
