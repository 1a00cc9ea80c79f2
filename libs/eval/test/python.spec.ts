import { readFileSync } from 'node:fs';
import { DataError } from '@chop/core';
import { describe, expect, test } from '@jest/globals';
import { literalEval } from '../src/python-literal.js';
import { PythonRandom } from '../src/python-random.js';
import { pythonRepr } from '../src/python-text.js';
import { Template } from '../src/template.js';

interface Golden {
  templates: { template: string; document: Record<string, unknown>; rendered?: string; refused?: true }[];
  literals: { text: string; value: unknown }[];
  refusedLiterals: string[];
  reprs: { value: string; repr: string }[];
  samples: { seed: number; size: number; count: number; drawn: number[][] }[];
  randoms: { seed: number; drawn: number[] }[];
}

const golden = JSON.parse(readFileSync(new URL('python.golden.json', import.meta.url), 'utf8')) as Golden;

describe('templates render as Jinja2 renders them', () => {
  test.each(golden.templates.filter(({ refused }) => !refused))('$template', ({ template, document, rendered }) => {
    expect(new Template(template).render(document)).toBe(rendered);
  });

  test.each(golden.templates.filter(({ refused }) => refused))('$template is refused', ({ template, document }) => {
    expect(() => new Template(template).render(document)).toThrow(DataError);
  });
});

test.each(golden.literals)('the literal $text', ({ text, value }) => {
  expect(literalEval(text)).toEqual(value);
});

test.each(golden.refusedLiterals)('no literal: %j', (text) => {
  expect(() => literalEval(text)).toThrow(SyntaxError);
});

test.each(golden.reprs)('$repr is how Python shows it', ({ value, repr }) => {
  expect(pythonRepr(value)).toBe(repr);
});

test.each(golden.samples)('random.Random($seed).sample of $count out of $size, time after time', ({ seed, size, count, drawn }) => {
  const random = new PythonRandom(seed);
  const population = Array.from({ length: size }, (_, i) => i);
  for (const expected of drawn) expect(random.sample(population, count)).toEqual(expected);
});

test.each(golden.randoms)('random.Random($seed).random()', ({ seed, drawn }) => {
  const random = new PythonRandom(seed);
  expect(drawn.map(() => random.next())).toEqual(drawn);
});
