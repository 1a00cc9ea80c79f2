import type { LoaderName, MadePlan, OpenModel } from '@chop/chop';
import type { Answer, Call } from './call.js';
import type { Verbs } from './surroundings.js';

/** Opens a model, sees it through a plan, and writes what is left. */
export async function cutModel(
  call: Call,
  chop: Verbs,
  { model, out, for: loaders = [] }: { readonly model: string; readonly out: string; readonly for?: readonly LoaderName[] },
  planFor: (opened: OpenModel) => Promise<MadePlan>,
): Promise<Answer> {
  const opened = await chop.open(model, call.common);
  try {
    const plan = await planFor(opened);
    const written = await chop.save(await chop.apply(opened, plan, { ...call.force, for: loaders }), out, { ...call.common, ...call.force });
    const result = { ...written, explanation: plan.explain() };
    return { result, text: async () => (await import('./written-text.js')).writtenText(result) };
  } finally {
    await opened.close();
  }
}
