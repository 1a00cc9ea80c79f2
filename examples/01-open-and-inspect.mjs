/** Opens a model (headers only, its weights stay on disk) and shows its axes and where its parameters are. */
import { compose } from '@chop/chop';

const chop = await compose();
const base = await chop.open('embedded');
const { axes, parameters, weights } = base.blueprint;

console.log(`${base.source}: ${base.family.name}, ${parameters.toLocaleString('en')} parameters, ${axes.layers} layers`);
for (const axis of Object.keys(axes.rules)) console.log(`  ${axis.padEnd(6)} ${axes.common(axis)}`);

// Every weight names its axes, so that sizes can be asked by what they are sizes of.
const byRole = new Map();
for (const { role, shape } of weights.values()) byRole.set(role, (byRole.get(role) ?? 0) + shape.reduce((a, b) => a * b, 1));
for (const [role, count] of [...byRole].sort((a, b) => b[1] - a[1])) console.log(`  ${role.padEnd(14)} ${((100 * count) / parameters).toFixed(1)} %`);

await base.close();
