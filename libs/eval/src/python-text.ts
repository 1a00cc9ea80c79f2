/** What Python's `str.strip` removes: JavaScript's `trim` leaves U+001C to U+001F and U+0085, and removes U+FEFF. */
const SPACE = '[\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const LEADING = new RegExp(`^${SPACE}+`);
const RUN = new RegExp(`${SPACE}+`);
const ONLY_SPACE = new RegExp(`^${SPACE}+$`);

/** Python's `text.lstrip()`. */
export function lstrip(text: string): string {
  return text.replace(LEADING, '');
}

/** Python's `text.rstrip()`. */
export function rstrip(text: string): string {
  // A regular expression alone would look at every run of spaces in the text.
  let end = text.length;
  while (end > 0 && ONLY_SPACE.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** Python's `text.strip()`. */
export function strip(text: string): string {
  return lstrip(rstrip(text));
}

/** Python's `text.isspace()`. */
export function isSpace(text: string): boolean {
  return ONLY_SPACE.test(text);
}

/** Python's `re.split(r"\s+", text)`. */
export function splitAtSpace(text: string): string[] {
  return text.split(RUN);
}

/** Python's `text.split()`: no empty words. */
export function words(text: string): string[] {
  const inner = strip(text);
  return inner === '' ? [] : splitAtSpace(inner);
}

/** Python's `text.isdigit()`, for the digits that `int` reads. */
export function isDigits(text: string): boolean {
  return /^\p{Nd}+$/u.test(text);
}

/** Python's `len(text)`: code points, not UTF-16 units. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Python's `text.capitalize()`. */
export function capitalize(text: string): string {
  const [first = '', ...rest] = text;
  return first.toUpperCase() + rest.join('').toLowerCase();
}

/** Python's `text.title()`: the first letter of every run of letters is a capital, the others are small. */
export function title(text: string): string {
  return text.replace(/\p{L}+/gu, (word) => capitalize(word));
}

/** A number as Python would print a float. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude >= 1e16 || magnitude < 1e-4)) return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** A whole number that stands for a Python float: JSON's `1.0` and a template's `4 / 2`. */
export class PythonFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** Python's `str(value)` of data as JSON has it. */
export function pythonText(value: unknown): string {
  return typeof value === 'string' ? value : pythonRepr(value);
}

/** Python's `repr(value)`. */
export function pythonRepr(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (value instanceof PythonFloat) return floatText(value.value);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : floatText(value);
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(', ')}]`;
  return `{${Object.entries(value)
    .map(([key, each]) => `${quoted(key)}: ${pythonRepr(each)}`)
    .join(', ')}}`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const UNPRINTABLE = /[\\]|(?! )[\p{C}\p{Z}]/gu;

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(UNPRINTABLE, (character) => ESCAPES[character] ?? codeOf(character));
  return `${quote}${quote === "'" ? escaped.replaceAll("'", "\\'") : escaped}${quote}`;
}

function codeOf(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
}
