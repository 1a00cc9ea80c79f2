import type { ZodType } from 'zod';
import { nearest, shown, UsageError } from './error.js';

/** Where something stands in a file. */
export interface Place {
  readonly file?: string;
  readonly line?: number;
}

/**
 * Checks options against their schema. An unknown key is refused with the nearest known one.
 *
 * @param where - what the options belong to, for the message: `layer-chop`, `train`.
 * @param placeOf - where the option of that path was written, if it was in a file.
 * @throws {@link UsageError} `OPTION_UNKNOWN`, `OPTION_VALUE`.
 */
export function checkOptions<O>(schema: ZodType<O>, given: unknown, where: string, placeOf: (path: readonly PropertyKey[]) => Place = () => ({})): O {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = [where, ...issue.path.map(String)].join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, issue.path);
    const key = issue.keys[0]!;
    throw new UsageError('OPTION_UNKNOWN', {
      ...placeOf([...issue.path, key]),
      found: `${path}.${key}`,
      expected: `one of ${known.join(', ')}`,
      remedy: known.length > 0 ? `Did you mean ${nearest(key, known)}?` : `Leave it out: ${path} has no options.`,
    });
  }
  const meaning = schemaAt(schema, issue.path)?.description;
  throw new UsageError('OPTION_VALUE', {
    ...placeOf(issue.path),
    found: `${path} = ${shown(valueAt(given, issue.path))}`,
    expected: expectationOf(issue.message),
    remedy: meaning === undefined ? `chop schema ${where} tells what it may be.` : `${String(issue.path.at(-1))}: ${meaning}.`,
  });
}

const KINDS: Readonly<Record<string, string>> = { int: 'a whole number', number: 'a number', string: 'a text', boolean: 'true or false', array: 'a list' };

/** What a schema's complaint says was expected: the rest of it, what was received, is told anyhow. */
export function expectationOf(complaint: string): string {
  const expected = complaint.replace(/^(?:Invalid (?:input|option)|Too (?:small|big)): expected /, '').replace(/, received .*$/, '');
  return KINDS[expected] ?? expected;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((rest, key) => (rest as Record<PropertyKey, unknown> | undefined)?.[key], value);
}

function schemaAt(schema: ZodType, path: readonly PropertyKey[]): ZodType | undefined {
  let inner: unknown = schema;
  for (const key of path) inner = (unwrap(inner) as { shape?: Record<PropertyKey, unknown> } | undefined)?.shape?.[key];
  return inner as ZodType | undefined;
}

function knownKeys(schema: ZodType, path: readonly PropertyKey[]): string[] {
  return Object.keys((unwrap(schemaAt(schema, path)) as { shape?: Record<string, unknown> } | undefined)?.shape ?? {});
}

function unwrap(schema: unknown): unknown {
  let inner = schema as { def?: { innerType?: unknown; in?: unknown } } | undefined;
  while (inner?.def?.innerType ?? inner?.def?.in) inner = (inner!.def!.innerType ?? inner!.def!.in) as typeof inner;
  return inner;
}
