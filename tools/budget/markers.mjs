// Spelt in pieces, so that this file is no finding of its own.
const MARKERS = [
  ['TO', 'DO'],
  ['FIX', 'ME'],
  ['eslint', '-disable'],
  ['@ts', '-ignore'],
  ['@ts', '-nocheck'],
].map((pieces) => pieces.join(''));
/** Tests that are put aside, or that put the others aside. */
const ASIDE = /\.(skip|only|todo)\b\s*[(.]|\b[xf](it|test|describe)\s*\(/;

/** Lines that owe something. @param {import('./sources.mjs').Source[]} sources */
export function markers(sources) {
  const findings = sources.flatMap(({ path, text, spec }) =>
    text.split('\n').flatMap((line, index) => {
      const marker = MARKERS.find((word) => line.includes(word)) ?? (spec ? ASIDE.exec(line)?.[0] : undefined);
      return marker === undefined ? [] : [`${path}:${index + 1}: ${marker}`];
    }),
  );
  return { findings, nearest: undefined };
}
