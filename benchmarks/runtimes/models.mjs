import { join } from 'node:path';
import { Plan, readBytes, toFloat32 } from '@chop/core';
import { savePlan } from '@chop/formats';
import { layerChop } from '@chop/chop';

/** SmolLM2's FFN and key-value heads, narrowed to whole blocks of any quantisation. */
const NARROW = { ffn: 1024, kv: 2 };

/** The model as it is, with half of its layers, and narrower by magnitude: `[name, open model]`, made one after another. */
export async function* models(chop, base, scratch) {
  yield ['SmolLM2-135M', base];
  yield ['15 of 30 layers', await chop.apply(base, await chop.plan(base, layerChop({ keep: 15 })))];
  const file = join(scratch, 'narrow.json');
  await savePlan(file, { plan: await narrowed(base), made: { strategy: 'magnitude' }, fingerprint: await base.fingerprint() });
  yield ['ffn 1536 → 1024, kv 3 → 2', await chop.apply(base, await chop.readPlan(base, file))];
}

/** Keeps the indices of each layer with the largest sums of squares over all matrices that have them: as many in each. */
async function narrowed({ blueprint, checkpoint }) {
  const keeps = new Map();
  for (let at = 0; at < blueprint.axes.layers; at++)
    for (const [axis, count] of Object.entries(NARROW)) {
      const scores = new Float64Array(blueprint.axes.size(axis, at));
      for (const weight of blueprint.linears(at)) {
        const values = toFloat32(await readBytes(checkpoint, weight.name), checkpoint.tensors.get(weight.name).dtype);
        const [rows, columns] = weight.shape;
        for (const [dimension, expression] of weight.dimensions.entries()) {
          if (!expression.axes.includes(axis)) continue;
          for (let index = 0; index < scores.length; index++)
            for (const position of expression.positions(blueprint.axes, at, (name) => (name === axis ? [index] : undefined)))
              for (let other = 0; other < (dimension === 0 ? columns : rows); other++)
                scores[index] += values[dimension === 0 ? position * columns + other : other * columns + position] ** 2;
        }
      }
      const best = [...scores.keys()].sort((a, b) => scores[b] - scores[a]).slice(0, count);
      keeps.set(
        blueprint.axes.key(axis, at),
        best.sort((a, b) => a - b),
      );
    }
  return Plan.of(blueprint, { keeps });
}
