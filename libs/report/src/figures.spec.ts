import { describe, expect, test } from '@jest/globals';
import { bytesFigure, countFigure, momentFigure, ratioFigure, secondsFigure, shareFigure, valueFigure } from './figures.js';

describe('numbers for people', () => {
  test.each([
    [0, '0'],
    [960, '960'],
    [999.96, '1 k'],
    [307_200, '307.2 k'],
    [999_960, '1 M'],
    [134_515_008, '134.5 M'],
    [1_235_814_400, '1.2 B'],
  ])('a count of %d is %s', (value, figure) => expect(countFigure(value)).toBe(figure));

  test.each([
    [512, '512 B'],
    [7_600_000, '7.6 MB'],
    [2_000_000_000, '2 GB'],
  ])('%d bytes are %s', (value, figure) => expect(bytesFigure(value)).toBe(figure));

  test.each([
    [0, '0.00'],
    [0.0000123, '1.2e-5'],
    [0.0123, '0.0123'],
    [0.614, '0.61'],
    [9.994, '9.99'],
    [9.996, '10.0'],
    [23.44, '23.4'],
    [99.94, '99.9'],
    [99.96, '100'],
    [4096.4, '4,096'],
    [-1.5, '-1.50'],
  ])('a value of %d is %s', (value, figure) => expect(valueFigure(value)).toBe(figure));

  test.each([
    [0.84, '0.8 s'],
    [9.96, '10 s'],
    [59.6, '1 min 0 s'],
    [161, '2 min 41 s'],
    [11_100, '3 h 5 min'],
  ])('%d seconds are %s', (value, figure) => expect(secondsFigure(value)).toBe(figure));

  test('a moment is said in UTC wherever the page is made', () => {
    expect(momentFigure('2026-11-24T23:30:00-02:00')).toBe('25 November 2026, 01:30 UTC');
    expect(momentFigure('yesterday')).toBe('yesterday');
  });

  test('what is missing, infinite or not a number is an en dash', () => {
    for (const figure of [countFigure, bytesFigure, valueFigure, secondsFigure, shareFigure]) {
      for (const value of [undefined, NaN, Infinity, -Infinity]) expect(figure(value)).toBe('–');
    }
    expect(ratioFigure(1, 0)).toBe('–');
    expect(ratioFigure(NaN, 2)).toBe('–');
    expect(ratioFigure(1, undefined)).toBe('–');
    expect(ratioFigure(3, 4)).toBe('0.75×');
  });
});
