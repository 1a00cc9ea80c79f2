import { distiller } from '@chop/core';
import { klDivergence } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';

/**
 * Distillation on the output distribution (CHOP §3.3, L_distill; Hinton et al., arXiv 1503.02531):
 * `(1 − weight) · LM + weight · temperature² · KL(teacher ‖ student)` of softmax(logits / temperature), mean over positions.
 */
export const distillLogits = distiller({
  name: 'distill-logits',
  description: 'Adds KL(teacher ‖ student) of the output distributions to the loss (Hinton et al., arXiv 1503.02531).',
  options: z.strictObject({
    temperature: z.number().positive().default(2).describe('softens both distributions'),
    weight: z.number().min(0).max(1).default(0.5).describe('share of distillation in the loss'),
  }),
  terms({ lm, student, teacher, weights }, { temperature, weight }) {
    const divergence = klDivergence(student.projection, teacher.projection, { temperature, ...(weights ? { weights } : {}) });
    return { lm: tf.mul(lm, 1 - weight), distill: tf.mul(divergence, weight * temperature ** 2) };
  },
});
