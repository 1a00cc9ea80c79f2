import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';

/** Features `from … from + size − 1` of the last axis; `whole`: how many there are. */
type Attributes = { from: number; size: number; whole: number };

/** The row behind {@link part}. */
export const partKernel = defineKernel({
  name: 'Part',
  reference: ({ x }: { x: tf.Tensor }, { from, size }: Attributes): tf.Tensor => {
    const before = x.shape.slice(0, -1);
    return tf.slice(x, [...before.map(() => 0), from], [...before, size]);
  },
});

/** The gradient of a part: itself in its place, zeros around it. */
export const partGradKernel = defineKernel({
  name: 'PartGrad',
  reference: ({ dy }: { dy: tf.Tensor }, { from, size, whole }: Attributes): tf.Tensor =>
    tf.pad(dy, [...dy.shape.slice(1).map((): [number, number] => [0, 0]), [from, whole - from - size]]),
});

/** The row behind {@link join}. */
export const joinKernel = defineKernel({
  name: 'Join',
  reference: ({ first, second }: { first: tf.Tensor; second: tf.Tensor }): tf.Tensor => tf.concat([first, second], -1),
});

/**
 * Some of the features of each vector: what one of several matrices that are stored as one has made (queries, keys and values; gate and up).
 *
 * @param x - float32 `[..., n]`.
 * @param range - `size` features from `from` on.
 * @returns float32 `[..., size]`. The gradient goes to x.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the range is not within the features.
 */
export function part(x: tf.Tensor, { from, size }: { from: number; size: number }): tf.Tensor {
  const whole = x.shape.at(-1) ?? 0;
  const fits = Number.isInteger(from) && Number.isInteger(size) && from >= 0 && size >= 1 && from + size <= whole;
  expectShape('part', fits, () => `${size} features from ${from} of x ${shapeOf(x)}`, 'at least one feature, all of them within the last axis');
  const attributes = { from, size, whole };
  return withGradient({
    inputs: [x],
    saved: [],
    forward: () => partKernel({ x }, attributes),
    backward: (dy) => [partGradKernel({ dy }, attributes)],
  });
}

/**
 * Two vectors as one, of each row: what one matrix takes that is stored in place of two.
 *
 * @param first - float32 `[..., m]`.
 * @param second - float32 `[..., n]`, the other axes those of first.
 * @returns float32 `[..., m + n]`.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the other axes differ.
 */
export function join(first: tf.Tensor, second: tf.Tensor): tf.Tensor {
  const fits = first.rank >= 1 && first.shape.slice(0, -1).join() === second.shape.slice(0, -1).join() && first.rank === second.rank;
  expectShape('join', fits, () => `first ${shapeOf(first)} and second ${shapeOf(second)}`, 'the same shape up to the last axis');
  const [m, n] = [first.shape.at(-1)!, second.shape.at(-1)!];
  return withGradient({
    inputs: [first, second],
    saved: [],
    forward: () => joinKernel({ first, second }, {}),
    backward: (dy) => [partKernel({ x: dy }, { from: 0, size: m, whole: m + n }), partKernel({ x: dy }, { from: m, size: n, whole: m + n })],
  });
}
