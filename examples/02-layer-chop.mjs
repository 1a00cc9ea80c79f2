/** LayerCHOP: plans to drop half of the layers, says what that would do, and only then writes the smaller model. */
import { compose, layerChop } from '@chop/chop';

const chop = await compose();
const base = await chop.open('embedded');
const planned = await chop.planWith(base, layerChop({ keep: 4, configuration: 'max-gap' }));

console.log(planned.plan.explain());
console.log(`layers that stay: ${planned.summary.keep.layer.join(', ')}`);

// A plan is data: saved, it can be reviewed, and applied later by `chop apply`.
const [file] = await planned.save('runs/examples/layer-chop.plan.json');
const written = await chop.save(base, planned, { out: 'runs/examples/layer-chop', force: true });
console.log(`${file}, ${written.out}: ${written.parameters.toLocaleString('en')} parameters, ${written.bytes.toLocaleString('en')} bytes`);
