import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, shapeOf, withGradient } from './kernel.js';

type Inputs = { student: tf.Tensor; teacher: tf.Tensor };
type Attributes = { temperature: number };

/** log softmax of `logits / temperature`; two tensors of that size at most live at once beside it. */
const logProbabilities = (logits: tf.Tensor, temperature: number): tf.Tensor =>
  tf.tidy(() => {
    const shifted = tf.tidy(() => tf.div(tf.sub(logits, tf.max(logits, -1, true)), temperature));
    return tf.sub(
      shifted,
      tf.tidy(() => tf.log(tf.sum(tf.exp(shifted), -1, true))),
    );
  });

/** The row behind {@link klDivergence}. */
export const klDivergenceKernel = defineKernel({
  name: 'KlDivergence',
  reference: ({ student, teacher }: Inputs, { temperature }: Attributes): tf.Tensor =>
    withGradient({
      inputs: [student],
      saved: [student, teacher],
      forward: () => {
        const t = logProbabilities(teacher, temperature);
        const gap = tf.tidy(() => tf.sub(t, logProbabilities(student, temperature)));
        return tf.sum(
          tf.tidy(() => tf.mul(tf.exp(t), gap)),
          -1,
        );
      },
      // dy (softmax(student / T) − softmax(teacher / T)) / T
      backward: (dy, saved) => {
        const [s, t] = saved as [tf.Tensor, tf.Tensor];
        const softened = (logits: tf.Tensor): tf.Tensor => tf.tidy(() => tf.softmax(tf.div(logits, temperature)));
        const gap = tf.tidy(() => tf.sub(softened(s), softened(t)));
        return [tf.mul(gap, tf.expandDims(tf.div(dy, temperature), 1))];
      },
    }),
});

/**
 * Forward divergence per row, `KL(softmax(teacher / T) ‖ softmax(student / T))` (Hinton et al. 2015, arXiv 1503.02531).
 * A loss multiplies it by T², so that its gradient keeps its size when T changes.
 *
 * @param student - logits, float32 `[n, vocab]`; the gradient goes to these only.
 * @param teacher - logits, float32 `[n, vocab]`.
 * @param options - `temperature` T > 0.
 * @returns float32 `[n]`, in nats, without the factor T².
 * @throws {@link ShapeError} `KERNEL_SHAPE` when the shapes differ.
 */
export function klDivergence(student: tf.Tensor, teacher: tf.Tensor, { temperature }: { temperature: number }): tf.Tensor {
  const fits = student.rank === 2 && student.shape.join() === teacher.shape.join();
  expectShape('klDivergence', fits, () => `student ${shapeOf(student)} and teacher ${shapeOf(teacher)}`, 'both [n, vocab]');
  return klDivergenceKernel({ student, teacher }, { temperature });
}
