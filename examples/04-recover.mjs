/** Drops layers and keeps pretraining: a few steps on text, with the uncut model as teacher, and the perplexity before and after. */
import { compose } from '@chop/chop';

const chop = await compose();
const perplexity = { data: ['embedded:valid'], window: 128, windows: 8 };
const cut = await chop.prune('layer-chop', 'embedded', { set: { keep: 4 }, out: 'runs/examples/cut', force: true });
const before = await chop.evaluate(cut.out, { perplexity });

const tuned = await chop.train(cut.out, {
  data: ['embedded'],
  out: 'runs/examples/recovered',
  force: true,
  distill: { name: 'distill-logits', set: { temperature: 2, weight: 0.5 }, teacher: 'embedded' },
  options: { steps: 8, batchSize: 4, window: 128, lr: 1e-3, warmupSteps: 2 },
});
const after = await chop.evaluate(tuned.out, { perplexity });

console.log(`${tuned.steps} steps, ${tuned.tokens} tokens, loss ${tuned.losses[0].toFixed(3)} → ${tuned.losses.at(-1).toFixed(3)}`);
console.log(`perplexity ${before.perplexity.value.toFixed(1)} → ${after.perplexity.value.toFixed(1)}`);
