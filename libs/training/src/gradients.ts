import type { Model } from '@chop/core';
import { globalNorm } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { type Distillation, lossTerms, outputs, type Terms, type TokenBatch } from './loss.js';

/** Gradients by weight name, owned by the caller, and the value of each loss term. */
export interface Backward {
  readonly gradients: Map<string, tf.Tensor>;
  readonly terms: Record<string, number>;
}

/** Forward and backward of one batch. The teacher, if any, goes first and gets no gradient. */
export function backward(model: Model, batch: TokenBatch, distillation?: Distillation): Backward {
  const weights = new Map(model.names.map((name) => [model.value(name).name, name]));
  let terms: Terms = {};
  const { value, grads } = tf.tidy(() => {
    const teacher = distillation && outputs(distillation.teacher, batch, distillation.method.taps(distillation.options));
    return tf.variableGrads(
      () => {
        const made = lossTerms(model, batch, distillation, teacher);
        terms = Object.fromEntries(Object.entries(made).map(([name, term]) => [name, tf.keep(tf.clone(term))]));
        return tf.addN(Object.values(made).map((term) => tf.reshape(term, []))) as tf.Scalar;
      },
      model.names.map((name) => model.value(name)),
    );
  });
  value.dispose();
  const values = Object.fromEntries(Object.entries(terms).map(([name, term]) => [name, term.dataSync()[0]!]));
  tf.dispose(terms);
  return { gradients: new Map(Object.entries(grads).map(([variable, gradient]) => [weights.get(variable)!, gradient])), terms: values };
}

/** Averages the gradients of several batches, as one batch of all their sequences would have given. */
export function accumulate(batches: readonly (() => Backward)[]): Backward {
  const first = batches[0]!();
  if (batches.length === 1) return first;
  const terms = { ...first.terms };
  for (const next of batches.slice(1)) {
    const { gradients, terms: more } = next();
    for (const [name, gradient] of gradients) swap(first.gradients, name, (sum) => tf.add(sum, gradient));
    for (const name of Object.keys(more)) terms[name] = (terms[name] ?? 0) + more[name]!;
    tf.dispose([...gradients.values()]);
  }
  for (const name of first.gradients.keys()) swap(first.gradients, name, (sum) => tf.div(sum, batches.length));
  return { gradients: first.gradients, terms: Object.fromEntries(Object.entries(terms).map(([name, sum]) => [name, sum / batches.length])) };
}

/** Scales the gradients so that their global norm is at most `limit` (PyTorch's `clip_grad_norm_`); returns the norm before. */
export function clip(gradients: Map<string, tf.Tensor>, limit: number): number {
  const norm = tf.tidy(() => globalNorm([...gradients.values()]).dataSync()[0]!);
  const factor = limit / (norm + 1e-6);
  if (factor < 1) for (const name of gradients.keys()) swap(gradients, name, (gradient) => tf.mul(gradient, factor));
  return norm;
}

function swap(gradients: Map<string, tf.Tensor>, name: string, change: (gradient: tf.Tensor) => tf.Tensor): void {
  const before = gradients.get(name)!;
  gradients.set(
    name,
    tf.tidy(() => change(before)),
  );
  before.dispose();
}
