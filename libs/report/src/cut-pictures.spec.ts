import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { axisInWords, densities } from './axis-picture.js';
import { masksInWords, matricesOf } from './mask-picture.js';

describe('what is left of an axis', () => {
  test('is counted in bins of equal length, as by hand', () => {
    expect(densities({ total: 8, kept: [0, 1, 2, 6] }, 4)).toEqual([1, 0.5, 0, 0.5]);
  });

  test('is all there in the bins together', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(199), { minLength: 1 }), (kept) => {
        const shares = densities({ total: 200, kept }, 40);
        expect(shares.reduce((sum, share) => sum + share * 5, 0)).toBeCloseTo(kept.length, 9);
      }),
    );
  });

  test('is said in words', () => {
    const kept = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
    expect(axisInWords([{ axis: 'head', at: 0, total: 4, kept: [0, 3] }])).toBe('Of 4, 2 are kept: 0 and 3.');
    expect(axisInWords([1, 2].map((at) => ({ axis: 'ffn', at, total: 1536, kept: kept(500 * at) })))).toBe(
      'Of 1,536 in each of 2 layers, 500 to 1,000 are kept.',
    );
  });
});

describe('masked matrices', () => {
  test('stand in the row of their layer under their shortest name', () => {
    const masks = ['model.layers.0.self_attn.q_proj.weight', 'model.layers.11.mlp.down_proj.weight', 'lm_head.weight'].map((weight) => ({
      weight,
      kept: 1,
      total: 2,
    }));
    expect(matricesOf(masks).map(({ layer, column }) => [layer, column])).toEqual([
      [0, 'q'],
      [11, 'down'],
      [undefined, 'lm_head'],
    ]);
  });

  test('whose last names are the same are told apart by more of them', () => {
    const masks = ['h.0.attn.c_proj.weight', 'h.0.mlp.c_proj.weight'].map((weight) => ({ weight, kept: 1, total: 2 }));
    expect(matricesOf(masks).map(({ column }) => column)).toEqual(['attn.c', 'mlp.c']);
  });

  test('are said in words', () => {
    expect(
      masksInWords([
        { weight: 'a', kept: 1, total: 2 },
        { weight: 'b', kept: 3, total: 6 },
      ]),
    ).toBe('2 matrices are masked; 50 % of each stays.');
    expect(
      masksInWords([
        { weight: 'a', kept: 1, total: 2 },
        { weight: 'b', kept: 1, total: 6 },
      ]),
    ).toBe('2 matrices are masked; from 16.7 % to 50 % of each stays, 25 % of all.');
  });
});
