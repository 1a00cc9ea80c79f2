/** Of the smaller file's lines: beyond this, two files are one idea written twice. */
export const MAX_SHARED = 0.3;
/** Below this many lines that say something, a few common ones weigh too much. */
const MIN_LINES = 20;

/** Pairs of sources of one language that share more than {@link MAX_SHARED} of their lines. @param {import('./sources.mjs').Source[]} sources */
export function twins(sources) {
  const counted = sources.filter(({ spec }) => !spec).map(({ path, text }) => ({ path, language: path.split('.').at(-1), ...telling(text) }));
  const large = counted.filter(({ total }) => total >= MIN_LINES);
  const pairs = large
    .flatMap((a, index) => large.slice(index + 1).map((b) => ({ a, b })))
    .filter(({ a, b }) => a.language === b.language)
    .map(({ a, b }) => ({ a, b, share: shared(a, b) / Math.min(a.total, b.total) }))
    .sort((x, y) => y.share - x.share);
  const say = ({ a, b, share }) => `${a.path} and ${b.path}: ${percent(share)} of the smaller one's lines are the same, at most ${percent(MAX_SHARED)}`;
  return { findings: pairs.filter(({ share }) => share > MAX_SHARED).map(say), nearest: pairs[0] && say(pairs[0]) };
}

/** How often each line occurs that says something: no import, no re-export, no comment, nothing without a word (blank lines, braces). */
function telling(text) {
  const code = text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*(import|export)\b[^;'"]*\bfrom\s*['"][^'"]*['"];?/gm, '')
    .replace(/^\s*import\s*['"][^'"]*['"];?/gm, '');
  const lines = code
    .split('\n')
    .map((line) =>
      line
        .replace(/\/\/.*$/, '')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .filter((line) => /\w/.test(line) && !/^(#include|return;|break;|else|\} else \{|try \{|default:)/.test(line));
  const counts = new Map();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return { counts, total: lines.length };
}

function shared(a, b) {
  let lines = 0;
  for (const [line, count] of a.counts) lines += Math.min(count, b.counts.get(line) ?? 0);
  return lines;
}

const percent = (share) => `${Math.round(share * 100)} %`;
