import { UsageError } from '@chop/core';
import { capitalize, codePoints, isDigits, isSpace, lstrip, PythonFloat, pythonText, rstrip, strip, title, words } from './python-text.js';

type Operation = (operand: unknown, ...given: unknown[]) => unknown;

/** Methods of Python's texts and lists that templates call, beyond or other than the package has them. */
export const METHODS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['index', (within, item) => placeOf(within, item, true)],
  ['find', (within, item) => placeOf(within, item, false)],
  [
    'count',
    (within, item) => (typeof within === 'string' ? within.split(String(item)).length - 1 : (within as unknown[]).filter((one) => one === item).length),
  ],
  ['strip', (text, of) => (of === undefined || of === null ? strip(String(text)) : without(String(text), String(of), true, true))],
  ['lstrip', (text, of) => (of === undefined || of === null ? lstrip(String(text)) : without(String(text), String(of), true, false))],
  ['rstrip', (text, of) => (of === undefined || of === null ? rstrip(String(text)) : without(String(text), String(of), false, true))],
  ['capitalize', (text) => capitalize(String(text))],
  ['title', (text) => title(String(text))],
  ['upper', (text) => String(text).toUpperCase()],
  ['lower', (text) => String(text).toLowerCase()],
  ['isdigit', (text) => isDigits(String(text))],
  ['isspace', (text) => isSpace(String(text))],
  ['split', (text, separator, most) => split(String(text), separator, most)],
  ['join', (separator, items) => (items as unknown[]).join(String(separator))],
  ['removeprefix', (text, part) => (String(text).startsWith(String(part)) ? String(text).slice(String(part).length) : text)],
  ['removesuffix', (text, part) => (String(text).endsWith(String(part)) ? String(text).slice(0, String(text).length - String(part).length) : text)],
]);

/** Filters that differ from the package's, or that it lacks. */
export const FILTERS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['regex_replace', (text, pattern, replacement) => String(text).replace(pythonPattern(String(pattern), 'g'), dollars(String(replacement)))],
  ['string', (value) => pythonText(value)],
  ['int', (value, otherwise) => wholeNumber(value) ?? otherwise ?? 0],
  ['length', (value) => (typeof value === 'string' ? codePoints(value) : Array.isArray(value) ? value.length : Object.keys(value as object).length)],
  ['count', (value) => (typeof value === 'string' ? codePoints(value) : (value as unknown[]).length)],
  ['join', (items, separator) => [...(items as Iterable<unknown>)].map(pythonText).join(separator === undefined ? '' : String(separator))],
  ['trim', (text, of) => (of === undefined ? strip(pythonText(text)) : without(pythonText(text), String(of), true, true))],
  ['capitalize', (text) => capitalize(pythonText(text))],
  ['title', (text) => title(pythonText(text))],
  ['upper', (text) => pythonText(text).toUpperCase()],
  ['lower', (text) => pythonText(text).toLowerCase()],
]);

/**
 * A regular expression of Python's `re`, where JavaScript writes it otherwise.
 * @throws {@link UsageError} `TASK_PATTERN` when it is none, or has no like in JavaScript.
 */
export function pythonPattern(pattern: string, flags: string): RegExp {
  const [, letters = ''] = /^\(\?([aimsux]+)\)/.exec(pattern) ?? [];
  const body = pattern.slice(letters === '' ? 0 : letters.length + 3);
  const own = [...letters].filter((letter) => 'ims'.includes(letter) && !flags.includes(letter)).join('');
  const source = body
    .replaceAll('(?P<', '(?<')
    .replaceAll(/\(\?P=(\w+)\)/g, String.raw`\k<$1>`)
    .replaceAll(String.raw`\A`, '^')
    .replaceAll(String.raw`\Z`, '$');
  try {
    return new RegExp(source, flags + own);
  } catch (cause) {
    throw new UsageError('TASK_PATTERN', {
      found: `the regular expression ${JSON.stringify(pattern)} (${cause instanceof Error ? cause.message : String(cause)})`,
      expected: 'one that JavaScript understands too',
      remedy: 'Write it more simply.',
      cause,
    });
  }
}

/** A replacement of `re.sub` (`\1`, `\g<1>`) as JavaScript writes it. */
function dollars(replacement: string): string {
  return replacement
    .replaceAll('$', '$$$$')
    .replaceAll(/\\(?:g<(\d+)>|(\d))/g, (_, long: string | undefined, short: string | undefined) => `$${long ?? short}`);
}

function placeOf(within: unknown, item: unknown, strict: boolean): number {
  const at = typeof within === 'string' ? within.indexOf(String(item)) : (within as unknown[]).findIndex((one) => one === item);
  if (at < 0 && strict) throw new Error(`${pythonText([item]).slice(1, -1)} is not in ${pythonText(within)}`);
  return typeof within === 'string' && at > 0 ? codePoints(within.slice(0, at)) : at;
}

function without(text: string, of: string, left: boolean, right: boolean): string {
  const characters = [...text];
  let from = 0;
  let to = characters.length;
  while (left && from < to && of.includes(characters[from]!)) from++;
  while (right && to > from && of.includes(characters[to - 1]!)) to--;
  return characters.slice(from, to).join('');
}

function split(text: string, separator: unknown, most: unknown): string[] {
  if (separator === undefined || separator === null) return words(text);
  const parts = text.split(String(separator));
  const limit = typeof most === 'number' && most >= 0 ? most : parts.length;
  return parts.length - 1 <= limit ? parts : [...parts.slice(0, limit), parts.slice(limit).join(String(separator))];
}

function wholeNumber(value: unknown): number | undefined {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'number') return Math.trunc(value);
  if (value instanceof PythonFloat) return value.value;
  const text = typeof value === 'string' ? strip(value) : '';
  const number = /^[-+]?[\d_]+$/.test(text) ? Number(text.replaceAll('_', '')) : text === '' ? NaN : Number(text);
  return Number.isFinite(number) ? Math.trunc(number) : undefined;
}
