import { UsageError } from '@chop/core/error';
import { parse } from 'yaml';

export function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw wrong(text, 'a number');
  return value;
}

export function parseWhole(text: string): number {
  const value = parseNumber(text);
  if (!Number.isInteger(value)) throw wrong(text, 'a whole number');
  return value;
}

export function parseBetas(text: string): [number, number] {
  const values = text.split(',').map(parseNumber);
  if (values.length !== 2) throw wrong(text, 'two numbers such as 0.9,0.95');
  return [values[0]!, values[1]!];
}

/** `\n` and `\t` as a shell gives them. */
export function parseText(text: string): string {
  return text.replaceAll('\\n', '\n').replaceAll('\\t', '\t');
}

/** Collects `--set name=value`: values are YAML, names nest by dots. */
export function parseSet(text: string, earlier: Record<string, unknown> = {}): Record<string, unknown> {
  const [, path, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (path === undefined || value === undefined) throw wrong(text, 'name=value');
  const names = path.split('.');
  const nest = (inner: Record<string, unknown>, [name, ...rest]: string[]): Record<string, unknown> => ({
    ...inner,
    [name!]: rest.length === 0 ? scalar(value) : nest((inner[name!] ?? {}) as Record<string, unknown>, rest),
  });
  return nest(earlier, names);
}

/** Collects words given as one or several arguments. */
export function collect(word: string, earlier: string[] = []): string[] {
  return [...earlier, ...word.split(/\s+/).filter(Boolean)];
}

/** `2:4` is a text here, not YAML 1.1's sexagesimal number; a list may be written without quotes. */
function scalar(text: string): unknown {
  return /^\d+:\d+$/.test(text) ? text : (parse(text) as unknown);
}

function wrong(text: string, expected: string): UsageError {
  return new UsageError('OPTION_VALUE', { found: JSON.stringify(text), expected });
}
