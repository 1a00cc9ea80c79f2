/** A file is one idea; beyond this length it is two. */
export const MAX_LINES = 400;

/** Sources, tests excepted, that are longer than {@link MAX_LINES}. @param {import('./sources.mjs').Source[]} sources */
export function longFiles(sources) {
  const measured = sources.filter(({ spec }) => !spec).sort((a, b) => b.lines - a.lines);
  return {
    findings: measured.filter(({ lines }) => lines > MAX_LINES).map(({ path, lines }) => `${path}: ${lines} lines of at most ${MAX_LINES}`),
    nearest: measured[0] && `${measured[0].path} has ${measured[0].lines} of ${MAX_LINES} lines`,
  };
}
