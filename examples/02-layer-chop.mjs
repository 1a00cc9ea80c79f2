/** LayerCHOP: plans to drop half of the layers, says what that would do, and only then writes the smaller model. */
import { compose, layerChop } from '@chop/chop';

const chop = await compose();
const base = await chop.open('embedded');
const plan = await chop.plan(base, layerChop({ keep: 4, configuration: 'max-gap' }));

console.log(plan.explain());
console.log(`layers that stay: ${plan.summary.keep.layer.join(', ')}`);

// A plan is data: saved, it can be reviewed, and applied later by `chop apply`.
const [file] = await plan.save('runs/examples/layer-chop.plan.json');

// The model seen through the plan: nothing is computed until it is read, here by `save`.
const small = await chop.apply(base, plan);
const written = await chop.save(small, 'runs/examples/layer-chop', { force: true });
console.log(`${file}, ${written.out}: ${written.parameters.toLocaleString('en')} parameters, ${written.bytes.toLocaleString('en')} bytes`);
await base.close();
