import { describe, expect, test } from '@jest/globals';
import { buildProgram } from './program.js';
import { arrange, findCommand, fullName } from './words.js';

const program = buildProgram(() => async () => {}, { writeOut: () => {}, columns: undefined });
const arranged = (line: string): string => arrange(line.split(' '), program).join(' ');

describe('an option of several words', () => {
  test('takes all words up to the next option', () => {
    expect(arranged('train m --data a.txt=3 b.txt=1 --tokens 1M --out o')).toBe('train --tokens 1M --out o --data a.txt=3 --data b.txt=1 -- m');
  });

  test.each([
    ['prune --data a.txt wanda m --out o', 'prune --out o --data a.txt -- wanda m'],
    ['prune wanda --data a.txt b.txt m --out o', 'prune --out o --data a.txt --data b.txt -- wanda m'],
    ['prune --data a.txt wanda --out o m', 'prune --out o --data a.txt -- wanda m'],
    ['eval --perplexity a.txt b.txt m', 'eval --perplexity a.txt --perplexity b.txt -- m'],
    ['train --valid v.txt m --data a.txt b.txt --out o', 'train --out o --valid v.txt --valid m --data a.txt -- b.txt'],
  ])('leaves the command the words that it lacks: chop %s', (line, expected) => {
    expect(arranged(line)).toBe(expected);
  });

  test('keeps its words where a model comes from a config', () => {
    expect(arranged('train --from-scratch c.json --data a.txt b.txt --out o')).toBe('train --from-scratch c.json --out o --data a.txt --data b.txt');
  });

  test('keeps its only word: a missing model is not a text', () => {
    expect(arranged('eval --perplexity a.txt')).toBe('eval --perplexity a.txt');
  });

  test('is given by an equals sign, too', () => {
    expect(arranged('eval m --perplexity=a.txt --window 32')).toBe('eval --perplexity=a.txt --window 32 -- m');
  });

  test('words after -- are words, whatever they begin with', () => {
    expect(arranged('prune wanda --out o -- --odd')).toBe('prune --out o -- wanda --odd');
  });
});

test('commands without such an option are left as they are', () => {
  expect(arranged('generate m --max-tokens 3 hello')).toBe('generate m --max-tokens 3 hello');
});

test.each([
  ['--seed 5 train m', 'chop train'],
  ['engine install', 'chop engine install'],
  ['--json', 'chop'],
  ['nonsense train', 'chop'],
])('the command of `%s` is %s', (line, name) => {
  expect(fullName(findCommand(line.split(' '), program).command)).toBe(name);
});
