import type { ZodType } from 'zod';
import { z } from 'zod';

interface Described {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Described>>;
}

/**
 * Options as they may be given, with every default that their schema has: what a person reads, and what means the same when it is
 * read again. Whoever calls has checked them.
 */
export function withDefaults(schema: ZodType, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return filled(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Described, given);
}

function filled({ properties = {} }: Described, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const options = { ...given };
  for (const [name, described] of Object.entries(properties)) {
    const value = options[name] ?? described.default;
    if (value !== undefined) options[name] = isRecord(value) ? filled(described, value) : value;
  }
  return options;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
