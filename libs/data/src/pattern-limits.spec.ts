import { describe, expect, test } from '@jest/globals';
import { patternObjection } from './pattern-limits.js';

const WORDS = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const GPT4O = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const BLOOM = String.raw` ?[^(\s|[.,!?…。，、।۔،])]+`;
const CLIP = String.raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;
const DIGITS_FROM_THE_RIGHT = String.raw`\p{N}{1,3}(?=(?:\p{N}{3})+(?!\p{N}))`;

describe('patterns of a tokenizer.json', () => {
  test.each([
    ['Llama 3, Qwen', WORDS],
    ['GPT-4o', GPT4O],
    ['BLOOM', BLOOM],
    ['CLIP', CLIP],
    ['digits in threes', DIGITS_FROM_THE_RIGHT],
    ['ALBERT', ' {2,}'],
  ])('of %s are taken', (_, pattern) => {
    expect(patternObjection(pattern)).toBeUndefined();
  });

  test.each(['(a+)+$', '(a|aa)*b', '(?:(?:a?){20}b)', String.raw`(\s*\n?)*$`, '((a*)b?)+', '(x{1,9}){2,}'])(
    '%s, which can match in exponentially many ways, is refused',
    (pattern) => {
      expect(patternObjection(pattern)).toContain('several ways');
    },
  );

  test('runs after one another are counted per alternative, brackets and escapes are no groups', () => {
    expect(patternObjection('a*a*a*a*b')).toContain('after one another');
    expect(patternObjection('a*b*|c*d*|e*f*')).toBeUndefined();
    expect(patternObjection(String.raw`[(a+]+\(a+\)+`)).toBeUndefined();
    expect(patternObjection('a'.repeat(5000))).toContain('characters');
  });
});
