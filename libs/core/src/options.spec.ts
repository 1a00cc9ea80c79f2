import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { checkOptions } from './options.js';

const schema = z.strictObject({
  keep: z.number().int().min(1).describe('how many layers stay'),
  schedule: z.strictObject({ rate: z.number().default(3) }).default({ rate: 3 }),
  order: z.enum(['shuffled', 'sequential']).default('shuffled'),
  tokens: z.string().transform(Number).optional(),
});

const refusal = (given: unknown) => {
  try {
    return checkOptions(schema, given, 'method', (path) => ({ file: 'recipe.yaml', line: path.length }));
  } catch (error) {
    return error;
  }
};

test('good options come back with their defaults and transformations', () => {
  expect(checkOptions(schema, { keep: 2, tokens: '7' }, 'method')).toEqual({ keep: 2, schedule: { rate: 3 }, order: 'shuffled', tokens: 7 });
});

test('an unknown key is refused with the nearest one, inside others too, and where it was written', () => {
  expect(refusal({ kepe: 2, keep: 2 })).toMatchObject({
    code: 'OPTION_UNKNOWN',
    facts: { found: 'method.kepe', remedy: 'Did you mean keep?', file: 'recipe.yaml', line: 1 },
  });
  expect(refusal({ keep: 2, schedule: { rat: 1 } })).toMatchObject({
    code: 'OPTION_UNKNOWN',
    facts: { found: 'method.schedule.rat', expected: 'one of rate', line: 2 },
  });
});

test('a wrong value is refused with what was found, what was expected and what the option means', () => {
  expect(refusal({ keep: 'two' })).toMatchObject({
    code: 'OPTION_VALUE',
    facts: { found: 'method.keep = "two"', expected: 'a number', remedy: 'keep: how many layers stay.' },
  });
  expect(refusal({ keep: 2, order: 'random' })).toMatchObject({
    code: 'OPTION_VALUE',
    facts: { found: 'method.order = "random"', expected: 'one of "shuffled"|"sequential"' },
  });
  expect(refusal({})).toMatchObject({ code: 'OPTION_VALUE', facts: { found: 'method.keep = undefined' } });
});
