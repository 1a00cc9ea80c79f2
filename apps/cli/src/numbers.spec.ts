import { expect, test } from '@jest/globals';
import { change, clock, duration, figure, short, size } from './numbers.js';
import { ranges } from './plan-text.js';

test.each([
  [short(960), '960'],
  [short(9999), '9999'],
  [short(134_515_008), '134.5 M'],
  [short(999_999), '1.0 M'],
  [short(7.25e12), '7.3 T'],
  [size(128), '128 B'],
  [size(1000), '1.0 kB'],
  [size(269_030_016), '269.0 MB'],
  [clock(41), '0:41'],
  [clock(3730), '1:02:10'],
  [duration(12.34), '12.3 s'],
  [duration(125), '2:05'],
  [change(30, 15), '−50.0 %'],
  [change(2, 3), '+50.0 %'],
  [change(5, 5), '±0 %'],
  [figure(34.9731), '34.97'],
  [figure(3_154_871.2), '3,154,871'],
  [figure(Infinity), 'Infinity'],
  [ranges([0, 1, 2, 3, 7, 9, 10]), '0–3, 7, 9, 10'],
  [ranges([]), ''],
])('%s', (written, expected) => {
  expect(written).toBe(expected);
});
