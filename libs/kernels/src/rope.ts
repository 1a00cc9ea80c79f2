import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';
import type { RopeTables } from './rope-tables.js';

type Tables = { cos: tf.Tensor; sin: tf.Tensor };

/** Turns each pair (i, i + pairs) by its angle, and leaves what lies behind the pairs; `cos` and `sin` are `[tokens, 1, pairs]`. */
function turn(x: tf.Tensor, cos: tf.Tensor, sin: tf.Tensor, direction: 1 | -1): tf.Tensor {
  const [inner, pairs] = [x.shape[3]!, cos.shape[2]!];
  const [first, second, rest] = tf.split(x, [pairs, pairs, inner - 2 * pairs], -1) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const [plus, minus] = direction === 1 ? [tf.add, tf.sub] : [tf.sub, tf.add];
  const turned = [tf.tidy(() => minus(tf.mul(first, cos), tf.mul(second, sin))), tf.tidy(() => plus(tf.mul(second, cos), tf.mul(first, sin)))];
  return tf.concat([...turned, ...(rest.size > 0 ? [rest] : [])], -1);
}

/** `[tokens, pairs]`, one row for all heads of a token. */
const perToken = (table: tf.Tensor): tf.Tensor => tf.reshape(table, [table.shape[0]!, 1, table.shape[1]!]);

/** The row behind {@link rope}. */
export const ropeKernel = defineKernel({
  name: 'Rope',
  reference: ({ x, cos, sin }: Tables & { x: tf.Tensor }): tf.Tensor => tf.tidy(() => turn(x, perToken(cos), perToken(sin), 1)),
});

/** Turns back. */
export const ropeGradKernel = defineKernel({
  name: 'RopeGrad',
  reference: ({ dy, cos, sin }: Tables & { dy: tf.Tensor }): tf.Tensor => tf.tidy(() => turn(dy, perToken(cos), perToken(sin), -1)),
});

/**
 * Rotary position embedding of queries or keys (arXiv 2104.09864), the two halves of a head paired as Hugging Face's
 * `rotate_half` does: `y₁ = x₁ cos − x₂ sin`, `y₂ = x₂ cos + x₁ sin`. Tables with fewer pairs turn the beginning of each head and leave the rest as it is
 * (`partial_rotary_factor`).
 *
 * @param x - float32 `[batch, tokens, heads, inner]`.
 * @param tables - of {@link ropeTables}, float32 `[tokens, pairs]`, one row per token; at most inner / 2 pairs.
 * @returns float32, the shape of x. The gradient goes to x.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the tables do not fit.
 */
export function rope(x: tf.Tensor, { cos, sin }: RopeTables): tf.Tensor {
  const fits = x.rank === 4 && [cos, sin].every((table) => table.rank === 2 && table.shape[0] === x.shape[1] && 2 * table.shape[1]! <= x.shape[3]!);
  expectShape(
    'rope',
    fits,
    () => `x ${shapeOf(x)} and tables ${shapeOf(cos)}`,
    'x [batch, tokens, heads, inner] and tables [tokens, pairs], at most inner / 2 pairs',
  );
  return withGradient({
    inputs: [x],
    saved: [cos, sin],
    forward: () => ropeKernel({ x, cos, sin }, {}),
    backward: (dy, [keptCos, keptSin]) => [ropeGradKernel({ dy, cos: keptCos!, sin: keptSin! }, {})],
  });
}
