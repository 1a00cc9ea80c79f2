import { expect, test } from '@jest/globals';
import { cutFacts } from './cut-facts.js';

/** Two layers of two key/value heads with two query heads each, and four channels; three layers before. */
const axes = {
  layer: 3,
  width: 8,
  ...Object.fromEntries([0, 1, 2].flatMap((at) => Object.entries({ kv: 2, group: 2, inner: 4, ffn: 4 }).map(([axis, size]) => [`layers.${at}.${axis}`, size]))),
};

test('a dropped layer is no row of the other axes, and a layer that lost nothing is told whole', () => {
  const { layers, axes: cuts } = cutFacts({ model: { axes }, keep: { layer: [0, 2], 'layers.0.ffn': [1, 3] } });
  expect(layers).toEqual({ total: 3, kept: [0, 2] });
  expect(cuts).toEqual([
    { axis: 'ffn', at: 0, total: 4, kept: [1, 3] },
    { axis: 'ffn', at: 2, total: 4, kept: [0, 1, 2, 3] },
  ]);
});

test('query heads are counted through their key/value heads: of kv 1 and group 0, head 2 of 4', () => {
  const { axes: cuts } = cutFacts({ model: { axes }, keep: { layer: [1], 'layers.1.kv': [1], 'layers.1.group': [0] } });
  expect(cuts).toEqual([
    { axis: 'head', at: 1, total: 4, kept: [2] },
    { axis: 'kv', at: 1, total: 2, kept: [1] },
  ]);
});

test('an axis that all layers share is one row, and masks are told by weight', () => {
  const masks = [{ weight: 'a.weight', kept: 8, total: 16 }];
  expect(cutFacts({ model: { axes }, keep: { width: [0, 1] }, masks })).toEqual({ axes: [{ axis: 'width', total: 8, kept: [0, 1] }], masks });
});

test('a plan that keeps everything has nothing to show', () => {
  expect(cutFacts({ model: { axes }, keep: {} })).toEqual({});
});
