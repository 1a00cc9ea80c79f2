import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from './start.js';

beforeAll(async () => {
  await startEngine({ engine: 'wasm' });
});

test('the gradient of gather adds up the rows that were taken more than once', () => {
  const table = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
  const ids = tf.tensor2d([2, 0, 2, 2], [2, 2], 'int32');
  const weights = tf.tensor3d([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]);
  const gradient = tf.grad((x) => tf.sum(tf.mul(tf.gather(x, ids), weights)))(table);
  expect([...gradient.dataSync()]).toEqual([3, 4, 0, 0, 1 + 5 + 7, 2 + 6 + 8]);
});

test('rows of segments that do not exist are dropped, and whole numbers stay whole', () => {
  const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2], 'int32');
  const ids = tf.tensor1d([1, -1, 7], 'int32');
  const sums = tf.engine().runKernel('UnsortedSegmentSum', { x, segmentIds: ids }, { numSegments: 2 }) as tf.Tensor;
  expect(sums.dtype).toBe('int32');
  expect(sums.arraySync()).toEqual([
    [0, 0],
    [1, 2],
  ]);
});

test.each([
  ['ij->ji', [[2, 3]]],
  ['ij->i', [[2, 3]]],
  ['i,j->ij', [[2], [3]]],
  ['ij,j->', [[2, 3], [3]]],
  [
    'bqhd,bkhd->bhqk',
    [
      [2, 3, 2, 4],
      [2, 5, 2, 4],
    ],
  ],
  [
    'bhqk,bkhd->bqhd',
    [
      [2, 2, 3, 5],
      [2, 5, 2, 4],
    ],
  ],
])('einsum %s is the sum over all indices', (equation, shapes) => {
  const tensors = shapes.map((shape, n) =>
    tf.tensor(
      Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => Math.sin(i + n)),
      shape,
    ),
  );
  const result = tf.einsum(equation, ...tensors);
  const { shape, values } = byDefinition(equation, tensors);
  expect(result.shape).toEqual(shape);
  result.dataSync().forEach((value, i) => expect(value).toBeCloseTo(values[i] ?? NaN, 5));
});

test('einsum leaves no tensor behind', () => {
  const a = tf.ones([2, 3]);
  const before = tf.memory().numTensors;
  tf.einsum('ij,kj->ik', a, a).dispose();
  expect(tf.memory().numTensors).toBe(before);
});

function byDefinition(equation: string, tensors: readonly tf.Tensor[]): { shape: number[]; values: number[] } {
  const [left = '', output = ''] = equation.split('->');
  const sizes = new Map<string, number>();
  left.split(',').forEach((axes, n) => [...axes].forEach((axis, i) => sizes.set(axis, tensors[n]?.shape[i] ?? 0)));
  const data = tensors.map((tensor) => tensor.dataSync());
  const shape = [...output].map((axis) => sizes.get(axis) ?? 0);
  const values = new Array<number>(tf.util.sizeFromShape(shape)).fill(0);
  const at = (axes: string, index: ReadonlyMap<string, number>) => [...axes].reduce((flat, axis) => flat * (sizes.get(axis) ?? 0) + (index.get(axis) ?? 0), 0);
  const visit = (axes: readonly string[], index: Map<string, number>): void => {
    const [axis, ...others] = axes;
    if (axis === undefined) {
      const term = left.split(',').reduce((product, names, n) => product * (data[n]?.[at(names, index)] ?? 0), 1);
      const to = at(output, index);
      values[to] = (values[to] ?? 0) + term;
      return;
    }
    for (let i = 0; i < (sizes.get(axis) ?? 0); i += 1) visit(others, index.set(axis, i));
  };
  visit([...sizes.keys()], new Map());
  return { shape, values };
}
