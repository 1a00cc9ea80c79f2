/** Names under which anything could stand. */
const SAY_NOTHING = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'type', 'types', 'misc', 'impl']);

/** Files and folders whose name says nothing, alone (`utils.ts`) or as the last word (`tensor-utils.ts`). @param {import('./sources.mjs').Source[]} sources */
export function emptyNames(sources) {
  const findings = sources.filter(({ path }) => path.split('/').some(saysNothing)).map(({ path }) => `${path}: a name that says nothing`);
  return { findings, nearest: undefined };
}

function saysNothing(segment) {
  return SAY_NOTHING.has(segment.replace(/\..*$/, '').split('-').at(-1).toLowerCase());
}
