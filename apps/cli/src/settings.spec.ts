import { describe, expect, test } from '@jest/globals';
import { settingsOf, shareOut } from './settings.js';

test.each([
  ['keep=15', { keep: 15 }],
  ['sparsity=0.5', { sparsity: 0.5 }],
  ['configuration=max-gap', { configuration: 'max-gap' }],
  ['pattern=2:4', { pattern: '2:4' }],
  ['pattern=50%', { pattern: '50%' }],
  ['layers=[0,2]', { layers: [0, 2] }],
  ['shared=[ffn,kv]', { shared: ['ffn', 'kv'] }],
  ['shared=[]', { shared: [] }],
  ['gapTokens=1M', { gapTokens: 1_000_000 }],
  ['fast=true', { fast: true }],
  ['text="15"', { text: '15' }],
  ['text=', { text: '' }],
  ['text=a=b', { text: 'a=b' }],
])('--set %s', (text, expected) => {
  expect(settingsOf([text])).toEqual(expected);
});

test('dots nest, and the last value of a name holds', () => {
  expect(settingsOf(['schedule.rate=3', 'schedule.end=1k', 'keep=2', 'keep=4'])).toEqual({ schedule: { rate: 3, end: 1000 }, keep: 4 });
});

test.each(['keep', '=3', 'a..b=1', '__proto__.x=1', 'layers=[0,', 'keep.deep=1'])('--set %s is refused', (text) => {
  expect(() => settingsOf(['keep=1', text])).toThrow(expect.objectContaining({ code: 'SET_SYNTAX', exitCode: 2 }));
});

describe('a pruner and a distiller', () => {
  const methods = [
    { name: 'layer-chop', options: ['keep', 'weight'] },
    { name: 'distill-logits', options: ['temperature', 'weight'] },
  ];

  test('each gets the settings that it has', () => {
    expect(Object.fromEntries(shareOut(['keep=4', 'temperature=2'], methods))).toEqual({ 'layer-chop': { keep: 4 }, 'distill-logits': { temperature: 2 } });
  });

  test('a name in front settles what both have', () => {
    expect(shareOut(['distill-logits.weight=0.3'], methods).get('distill-logits')).toEqual({ weight: 0.3 });
    expect(() => shareOut(['weight=0.3'], methods)).toThrow(expect.objectContaining({ code: 'SET_AMBIGUOUS' }));
  });

  test('what neither has is refused, the nearest named', () => {
    expect(() => shareOut(['temprature=2'], methods)).toThrow('Did you mean temperature?');
  });

  test('settings without a method are refused', () => {
    expect(() => shareOut(['keep=2'], [])).toThrow('--prune');
  });

  test('a single method gets everything, and judges it itself', () => {
    expect(shareOut(['kep=2'], methods.slice(0, 1)).get('layer-chop')).toEqual({ kep: 2 });
  });
});
