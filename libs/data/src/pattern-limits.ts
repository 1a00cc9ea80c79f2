/** The longest in use, GPT-4o's, has 400 characters. */
const MAX_PATTERN_CHARACTERS = 4096;
/** Runs without end in one alternative, such as `\s*[\r\n]+`: a text is gone through as often as its length to this power, at worst. Those in use have two. */
const MAX_RUNS = 3;

/** A group while it is read. */
interface Group {
  /** Whether one text can match its inside in several ways: an alternative, or a part that may be longer or shorter. */
  varies: boolean;
  /** Runs without end in the alternative at hand, and the most in one of them. */
  runs: number;
  most: number;
}

/**
 * Why a pattern of a file may take a time without end on some text; undefined where it does not. A repeated group whose inside varies, `(a+)+` or `(a|ab)*`,
 * can be split among its turns in exponentially many ways; patterns of tokenizers have none.
 */
export function patternObjection(pattern: string): string | undefined {
  if (pattern.length > MAX_PATTERN_CHARACTERS) return `a pattern of ${pattern.length} characters (at most ${MAX_PATTERN_CHARACTERS})`;
  const open: Group[] = [{ varies: false, runs: 0, most: 0 }];
  let closed: Group | undefined;
  for (let at = 0; at < pattern.length;) {
    const group = open.at(-1)!;
    const repeated = REPEATED.exec(pattern.slice(at, at + 24));
    const mark = pattern[at]!;
    const before = closed;
    closed = undefined;
    if (repeated) {
      const [text, least, comma, most] = repeated;
      const times = text.startsWith('{') ? (comma === undefined ? Number(least) : most === '' ? Infinity : Number(most)) : text.startsWith('?') ? 1 : Infinity;
      if (before?.varies && times > 1) return 'a repeated group that can match one text in several ways';
      if (comma !== undefined || !text.startsWith('{')) group.varies = true;
      if (times === Infinity) group.runs++;
      at += text.length;
    } else if (mark === '\\') at += 2;
    else if (mark === '[') at = classEnd(pattern, at);
    else if (mark === '(') {
      open.push({ varies: false, runs: 0, most: 0 });
      at += /^\(\?(?:[imsx-]*:|<?[=!]|>|<\w+>)?/.exec(pattern.slice(at, at + 80))?.[0].length ?? 1;
    } else if (mark === ')' && open.length > 1) {
      closed = open.pop()!;
      const outer = open.at(-1)!;
      outer.varies ||= closed.varies;
      outer.runs += Math.max(closed.most, closed.runs);
      at++;
    } else if (mark === '|') {
      group.varies = true;
      group.most = Math.max(group.most, group.runs);
      group.runs = 0;
      at++;
    } else at++;
    if (group.runs > MAX_RUNS) return `more than ${MAX_RUNS} parts without end after one another`;
  }
  return undefined;
}

/** A quantifier, lazy and possessive ones too. */
const REPEATED = /^(?:[*+?]|\{(\d*)(,)?(\d*)\})[?+]?/;

/** Behind the bracket that closes a class; classes may hold classes. */
function classEnd(pattern: string, from: number): number {
  let depth = 0;
  for (let at = from; at < pattern.length; at++) {
    if (pattern[at] === '\\') at++;
    else if (pattern[at] === '[') depth++;
    else if (pattern[at] === ']' && --depth === 0) return at + 1;
  }
  return from + 1;
}
