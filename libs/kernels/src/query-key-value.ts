import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf } from './kernel.js';
import { linear, linearKernel } from './linear.js';
import { precisionTogether } from './packed-weights.js';
import type { PrecisionAttribute } from './precision.js';
import { reshape } from './reshape.js';

type Weights = { q: tf.Tensor; k: tf.Tensor; v: tf.Tensor };

/** Queries, keys and values, float32 `[..., heads, inner]` each. */
export interface QueryKeyValue {
  readonly q: tf.Tensor;
  readonly k: tf.Tensor;
  readonly v: tf.Tensor;
}

const headsOf = (x: tf.Tensor, inner: number): number[] => [...x.shape.slice(0, -1), x.shape.at(-1)! / inner, inner];

/** The row behind {@link queryKeyValue}. */
export const queryKeyValueKernel = defineKernel({
  name: 'QueryKeyValue',
  reference: ({ x, ...weights }: Weights & { x: tf.Tensor }, { inner, ...precision }: PrecisionAttribute & { inner: number }): tf.Tensor[] =>
    tf.tidy(() =>
      [weights.q, weights.k, weights.v].map((weight) => {
        const product = linearKernel({ x, weight, bias: undefined }, precision);
        return tf.reshape(product, headsOf(product, inner));
      }),
    ),
});

/**
 * What attention asks of its input: `linear(x, q)`, `linear(x, k)` and `linear(x, v)` as heads of `inner` numbers, to the same bits. Where no gradient is wanted x is
 * laid out for all three at once.
 *
 * @param x - float32 `[..., in]`.
 * @param weights - float32 `[heads · inner, in]` each; those of keys and values may have fewer heads.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the shapes do not fit.
 */
export function queryKeyValue(x: tf.Tensor, weights: Weights, inner: number): QueryKeyValue {
  const all = [weights.q, weights.k, weights.v];
  const fits = all.every((weight) => weight.rank === 2 && weight.shape[1] === x.shape.at(-1) && weight.shape[0]! % inner === 0);
  const found = (): string => `x ${shapeOf(x)}, weights ${all.map(shapeOf).join(', ')} and heads of ${inner}`;
  expectShape('queryKeyValue', fits && Number.isInteger(inner) && inner >= 1, found, 'x [..., in] and weights [heads · inner, in]');
  const precision = precisionTogether(all);
  const [q, k, v] = precision
    ? tf.tidy(() => queryKeyValueKernel({ x, ...weights }, { ...precision, inner }))
    : all.map((weight) => {
        const product = linear(x, weight);
        return reshape(product, headsOf(product, inner));
      });
  return { q: q!, k: k!, v: v! };
}
