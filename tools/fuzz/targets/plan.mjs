import { familyOf } from '@chop/core';
import { loadPlan, savePlan } from '@chop/formats';
import { jsonText } from '../edited-json.mjs';
import { expectThat, placed, reader, scratch } from '../oracle.mjs';
import { composed } from '../parts.mjs';
import { llamaConfig, plans } from '../seeds.mjs';

const blueprint = familyOf(composed.parts, llamaConfig, 'seed').blueprint(llamaConfig);

/** A plan that is read means the same when it is written and read again. */
export const fuzz = reader(async (data) => {
  const saved = await loadPlan(placed('plan.json', jsonText(data, plans)), blueprint);
  const [file] = await savePlan(`${scratch}/again.json`, saved);
  const again = await loadPlan(file, blueprint);
  expectThat(again.plan.explain() === saved.plan.explain(), 'another plan when it is read again');
  expectThat(again.plan.after.axes.equals(saved.plan.after.axes), 'other sizes when it is read again');
});
