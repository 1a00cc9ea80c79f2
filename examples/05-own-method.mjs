/** A method of one's own, in the script: keeps the FFN channels that calibration text makes loudest. */
import { compose } from '@chop/chop';
import { keep, pruner } from '@chop/core';
import { inputNorms } from '@chop/kernels';
import { z } from 'zod';

const loudestFfn = pruner({
  name: 'loudest-ffn',
  description: 'Keeps the FFN channels with the largest activations.',
  needs: 'text',
  options: z.strictObject({ share: z.number().min(0).lt(1).default(0.5) }),
  async *plan(session, { share }) {
    const cuts = [];
    for await (const block of session.sweep(inputNorms)) {
      const down = block.linears.find(({ role }) => role === 'down');
      const norms = block.of(inputNorms, down).dataSync();
      const byNorm = [...norms.keys()].sort((a, b) => norms[b] - norms[a]);
      const kept = byNorm.slice(0, Math.max(1, Math.round(norms.length * (1 - share))));
      cuts.push(keep('ffn', Int32Array.from(kept).sort(), block.at));
    }
    // After the sweep, so that every layer hears the uncut model. An edit inside the loop acts before the next block.
    yield* cuts;
  },
});

const chop = await compose({ plugins: [loudestFfn] });
const base = await chop.open('embedded');
const plan = await chop.plan(base, loudestFfn({ share: 0.25 }), { data: ['embedded'], samples: 8, window: 128 });
console.log(plan.explain());
await chop.save(await chop.apply(base, plan), 'runs/examples/loudest-ffn', { force: true });
await base.close();
