import type { ZodType } from 'zod';
import { nearest, UsageError } from './error.js';

/**
 * Checks options against their schema. An unknown key is refused with the nearest known one.
 *
 * @param where - what the options belong to, for the message: `layer-chop`, `train`.
 * @throws {@link UsageError} `OPTION_UNKNOWN`, `OPTION_VALUE`.
 */
export function checkOptions<O>(schema: ZodType<O>, given: unknown, where: string, at: { file?: string; line?: number } = {}): O {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = [where, ...issue.path.map(String)].join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, issue.path);
    const key = issue.keys[0]!;
    throw new UsageError('OPTION_UNKNOWN', {
      ...at,
      found: `${path}.${key}`,
      expected: `one of ${known.join(', ')}`,
      ...(known.length > 0 ? { remedy: `Did you mean ${nearest(key, known)}?` } : {}),
    });
  }
  throw new UsageError('OPTION_VALUE', { ...at, found: `${path} = ${JSON.stringify(valueAt(given, issue.path))}`, expected: issue.message });
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((rest, key) => (rest as Record<PropertyKey, unknown> | undefined)?.[key], value);
}

function knownKeys(schema: ZodType, path: readonly PropertyKey[]): string[] {
  let inner: unknown = schema;
  for (const key of path) inner = (unwrap(inner) as { shape?: Record<PropertyKey, unknown> }).shape?.[key];
  return Object.keys((unwrap(inner) as { shape?: Record<string, unknown> } | undefined)?.shape ?? {});
}

function unwrap(schema: unknown): unknown {
  let inner = schema as { def?: { innerType?: unknown; in?: unknown } } | undefined;
  while (inner?.def?.innerType ?? inner?.def?.in) inner = (inner!.def!.innerType ?? inner!.def!.in) as typeof inner;
  return inner;
}
