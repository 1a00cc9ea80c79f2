import type { Projection } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';

import { logitsOf, projectBack, scalarLoss } from './cross-entropy.js';
import { defineKernel, expectShape, shapeOf } from './kernel.js';
import { precisionAttribute, type PrecisionAttribute } from './precision.js';
import { expectProjection } from './projection.js';

type Inputs = { hidden: tf.Tensor; weight: tf.Tensor; teacherHidden: tf.Tensor; teacherWeight: tf.Tensor; shares: tf.Tensor };
type Attributes = { temperature: number } & PrecisionAttribute;

/** log softmax of `hidden · weightᵀ / temperature`. */
const logProbabilities = (hidden: tf.Tensor, weight: tf.Tensor, { temperature, ...precision }: Attributes): tf.Tensor =>
  tf.tidy(() => {
    const logits = tf.div(logitsOf(hidden, weight, precision), temperature);
    const shifted = tf.sub(logits, tf.max(logits, -1, true));
    return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), -1, true)));
  });

/**
 * `[loss, dhidden, dweight]` of `Σ shares[i] · KL(p ‖ q)`, p the teacher's and q the student's softened distribution of row i:
 * dlogits = shares (q − p) / T. The native sibling holds the logits of a block of rows only.
 */
export const klDivergenceKernel = defineKernel({
  name: 'KlDivergence',
  reference: ({ hidden, weight, teacherHidden, teacherWeight, shares }: Inputs, attributes: Attributes): tf.Tensor[] =>
    tf.tidy(() => {
      const t = logProbabilities(teacherHidden, teacherWeight, attributes);
      const s = logProbabilities(hidden, weight, attributes);
      const p = tf.exp(t);
      const loss = tf.sum(tf.mul(tf.sum(tf.mul(p, tf.sub(t, s)), -1), shares));
      const dlogits = tf.mul(tf.sub(tf.exp(s), p), tf.expandDims(tf.div(shares, attributes.temperature), 1));
      return [loss, ...projectBack(dlogits, hidden, weight, attributes)];
    }),
});

/**
 * Mean forward divergence over rows, `KL(softmax(teacher / T) ‖ softmax(student / T))` (Hinton et al. 2015, arXiv 1503.02531).
 * A loss multiplies it by T², so that its gradient keeps its size when T changes.
 *
 * @param student - hidden states `[n, width]` and their output layer `[vocab, width]`; the gradient goes to these only.
 * @param teacher - the same of the teacher, of its own width.
 * @param options - `temperature` T > 0; `weights`: float32 `[n]`, not all 0: the mean is weighted by them (0 leaves a row out).
 * @returns float32 scalar, in nats, without the factor T².
 * @throws {@link ShapeError} `KERNEL_SHAPE` when rows, vocabularies or weights differ.
 */
export function klDivergence(student: Projection, teacher: Projection, { temperature, weights }: { temperature: number; weights?: tf.Tensor }): tf.Scalar {
  for (const side of [student, teacher]) expectProjection('klDivergence', side);
  const [n, vocab] = [student.hidden.shape[0]!, student.weight.shape[0]];
  const fits = teacher.hidden.shape[0] === n && teacher.weight.shape[0] === vocab && (weights === undefined || (weights.rank === 1 && weights.size === n));
  expectShape(
    'klDivergence',
    fits,
    () =>
      `student ${shapeOf(student.hidden)} · ${shapeOf(student.weight)}, teacher ${shapeOf(teacher.hidden)} · ${shapeOf(teacher.weight)}, weights [${weights?.shape}]`,
    'as many rows, token ids and weights on both sides',
  );
  return scalarLoss(student, () => {
    const shares = weights === undefined ? tf.fill([n], 1 / n) : tf.div(weights, tf.sum(weights));
    const { hidden, weight } = student;
    return klDivergenceKernel(
      { hidden, weight, teacherHidden: teacher.hidden, teacherWeight: teacher.weight, shares },
      { temperature, ...precisionAttribute() },
    );
  });
}
