import { existsSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';

/** Powers of ten. */
const SUFFIXES: Readonly<Record<string, number>> = { k: 3, m: 6, b: 9, g: 9 };

/** `300`, `50k`, `1M`, `20e6`, `1.5B`: a whole number. */
export function count(text: string): number {
  const value = suffixed(text);
  if (value === undefined || !Number.isSafeInteger(value)) throw new InvalidArgumentError('Expected a whole number such as 300, 50k, 1M or 20e6.');
  return value;
}

/** A {@link count} of at least one. */
export function positive(text: string): number {
  const value = count(text);
  if (value < 1) throw new InvalidArgumentError('Expected a whole number of at least 1.');
  return value;
}

export function real(text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError('Expected a number such as 0.1 or 3e-4.');
  return value;
}

/** `0.9,0.95`. */
export function reals(text: string): number[] {
  return text.split(',').map(real);
}

/** The number that such a text stands for, if it is one. */
export function suffixed(text: string): number | undefined {
  const [, digits, exponent, suffix] = /^(\d[\d_]*(?:\.\d+)?)(?:e\+?(\d+)|([kmbg]))?$/i.exec(text.trim()) ?? [];
  if (digits === undefined) return undefined;
  // Written as 1.1e6: the product 1.1 · 1e6 is 1100000.0000000002 in floating point.
  return Number(`${digits.replaceAll('_', '')}e${exponent ?? (suffix === undefined ? 0 : SUFFIXES[suffix.toLowerCase()])}`);
}

/** Text between documents; `\n` is a newline, `\t` a tabulator, `\\` a backslash. */
export function joiner(text: string): string {
  return text.replace(/\\([nt\\])/g, (_, letter: string) => ({ n: '\n', t: '\t' })[letter] ?? letter);
}

/** Collects an option that is given more than once. */
export function each(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** Collects DATA; several words in one argument are several, unless a file is called so. */
export function dataWords(text: string, before: readonly string[] = []): string[] {
  return [...before, ...(existsSync(text) ? [text] : text.trim().split(/\s+/))];
}

/** `piqa,sciq`; more than once, all of them. */
export function names(text: string, before: readonly string[] = []): string[] {
  return [
    ...before,
    ...text
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  ];
}

/** Collects `NAME=FILE`. */
export function namedFile(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, name, file] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (name === undefined || file === undefined) throw new InvalidArgumentError('Expected NAME=FILE, such as piqa=piqa.jsonl.');
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`${name} is given twice.`);
  return { ...before, [name]: file };
}
