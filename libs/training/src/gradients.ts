import type { Model } from '@chop/core';
import { globalNorm, type Precision, valueAndGradients, withPrecision } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { countedPositions, type Distillation, lossTerms, outputs, type Terms, type TokenBatch } from './loss.js';

/** Gradients by weight name, owned by the caller, and the value of each loss term; both are means over the positions that count. */
export interface Backward {
  readonly gradients: Map<string, tf.Tensor>;
  readonly terms: Record<string, number>;
  /** How many positions of the batch count in its loss, or the sum of their weights. */
  readonly positions: number;
}

/** How a batch goes through: with a teacher, which goes first and gets no gradient; with the layers computed again in the backward pass; in which precision. */
export interface BackwardOptions {
  readonly distillation?: Distillation | undefined;
  readonly checkpointBlocks?: boolean;
  /** Of the products of linear layers and losses, the teacher's too. Default `f32`. */
  readonly precision?: Precision;
}

/** Forward and backward of one batch. */
export async function backward(model: Model, batch: TokenBatch, options: BackwardOptions = {}): Promise<Backward> {
  const { names } = model;
  const { distillation, checkpointBlocks = false, precision = 'f32' } = options;
  let terms: Terms = {};
  const both = (): { value: tf.Tensor; gradients: tf.Tensor[] } => {
    const teacher = distillation && outputs(distillation.teacher, batch, distillation.method.taps(distillation.options));
    return valueAndGradients(
      () => {
        const made = lossTerms(model, batch, { distillation, teacher, checkpointBlocks });
        terms = Object.fromEntries(Object.entries(made).map(([name, term]) => [name, tf.keep(tf.clone(term))]));
        return tf.addN(Object.values(made).map((term) => tf.reshape(term, [])));
      },
      names.map((name) => model.value(name)),
    ) as { value: tf.Tensor; gradients: tf.Tensor[] };
  };
  const { value, gradients: made } = withPrecision(precision, () => tf.tidy(both));
  value.dispose();
  const values: Record<string, number> = {};
  for (const [name, term] of Object.entries(terms)) values[name] = (await term.data())[0]!;
  tf.dispose(terms);
  const gradients = new Map(names.flatMap((name, index) => (made[index] ? [[name, made[index]] as const] : [])));
  return { gradients, terms: values, positions: await countedPositions(batch) };
}

/**
 * Averages loss and gradients of several batches, each by the positions that count in it, as one batch of all their sequences would have
 * given. The mean is kept as it goes, so that no sum outgrows a gradient.
 */
export async function accumulate(batches: readonly (() => Promise<Backward>)[]): Promise<Backward> {
  const { gradients, terms, positions } = await batches[0]!();
  let counted = positions;
  for (const next of batches.slice(1)) {
    const more = await next();
    counted += more.positions;
    const share = more.positions / counted;
    for (const [name, gradient] of more.gradients) swap(gradients, name, (mean) => tf.add(tf.mul(mean, 1 - share), tf.mul(gradient, share)));
    for (const [name, term] of Object.entries(more.terms)) terms[name] = (terms[name] ?? 0) * (1 - share) + term * share;
    tf.dispose([...more.gradients.values()]);
  }
  return { gradients, terms, positions: counted };
}

/**
 * The global norm of the gradients, and the factor that brings it down to `limit` where it is larger (PyTorch's `clip_grad_norm_`), else 1.
 * Nothing is scaled: the optimiser takes the factor along.
 */
export async function clipping(gradients: ReadonlyMap<string, tf.Tensor>, limit: number): Promise<{ readonly norm: number; readonly factor: number }> {
  const length = globalNorm([...gradients.values()]);
  const norm = (await length.data())[0]!;
  length.dispose();
  return { norm, factor: Math.min(1, limit / (norm + 1e-6)) };
}

/** Gradients as the optimiser used them, by name: one is scaled when it is first asked for, in the place of the one that came in. */
export function asUsed(gradients: Map<string, tf.Tensor>, factor: number): (name: string) => tf.Tensor {
  const waiting = new Set(factor === 1 ? [] : gradients.keys());
  return (name) => {
    if (waiting.delete(name)) swap(gradients, name, (gradient) => tf.keep(tf.mul(gradient, factor)));
    return gradients.get(name)!;
  };
}

function swap(gradients: Map<string, tf.Tensor>, name: string, change: (gradient: tf.Tensor) => tf.Tensor): void {
  const before = gradients.get(name)!;
  gradients.set(
    name,
    tf.tidy(() => change(before)),
  );
  before.dispose();
}
