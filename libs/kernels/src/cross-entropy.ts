import type { Projection } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';

import { defineKernel, expectShape, gradientsWanted, shapeOf, withGradient } from './kernel.js';
import { factorOf, precisionAttribute, type PrecisionAttribute } from './precision.js';
import { expectProjection } from './projection.js';

type Inputs = { hidden: tf.Tensor; weight: tf.Tensor; targets: tf.Tensor };

/** `hidden · weightᵀ` */
export const logitsOf = (hidden: tf.Tensor, weight: tf.Tensor, precision: PrecisionAttribute): tf.Tensor2D =>
  tf.tidy(() => tf.matMul(factorOf(hidden, precision), factorOf(weight, precision), false, true));

/** The gradients of {@link logitsOf}: `[dhidden, dweight]`. */
export function projectBack(dlogits: tf.Tensor, hidden: tf.Tensor, weight: tf.Tensor, precision: PrecisionAttribute): tf.Tensor[] {
  return tf.tidy(() => {
    const dy = factorOf(dlogits, precision);
    return [tf.matMul(dy, factorOf(weight, precision)), tf.matMul(dy, factorOf(hidden, precision), true)];
  });
}

/** `[n, 2]`: where each target stands among the logits. */
const places = (targets: tf.Tensor, rows: tf.Tensor): tf.Tensor => tf.tidy(() => tf.stack([rows, targets], 1));

/** A target after every row. */
const everyRow = (targets: tf.Tensor): tf.Tensor => tf.range(0, targets.size, 1, 'int32');

/** Log probability of each target after its row of logits. */
const ofTargets = (logits: tf.Tensor, targets: tf.Tensor, rows: tf.Tensor): tf.Tensor =>
  tf.tidy(() => {
    const peak = tf.max(logits, -1, true);
    const total = tf.sum(tf.exp(tf.sub(logits, peak)), -1);
    const after = (values: tf.Tensor): tf.Tensor => tf.gather(values, rows);
    return tf.sub(tf.sub(tf.gatherND(logits, places(targets, rows)), after(tf.squeeze(peak, [1]))), after(tf.log(total)));
  });

/** The row behind {@link tokenLogProbabilities}. The native sibling multiplies a block of rows at a time. */
export const tokenLogProbabilitiesKernel = defineKernel({
  name: 'TokenLogProbabilities',
  reference: ({ hidden, weight, targets, rows }: Inputs & { rows?: tf.Tensor }, precision: PrecisionAttribute): tf.Tensor =>
    tf.tidy(() => ofTargets(logitsOf(hidden, weight, precision), targets, rows ?? everyRow(targets))),
});

/**
 * `[loss, dhidden, dweight]` of `−Σ shares[i] · log p(targets[i])`, in one pass: with p = softmax(logits), dlogits = shares (p − onehot).
 * The native sibling holds the logits of a block of rows only.
 */
export const crossEntropyKernel = defineKernel({
  name: 'CrossEntropy',
  reference: ({ hidden, weight, targets, shares }: Inputs & { shares: tf.Tensor }, precision: PrecisionAttribute): tf.Tensor[] =>
    tf.tidy(() => {
      const logits = logitsOf(hidden, weight, precision);
      const rows = everyRow(targets);
      const at = places(targets, rows);
      const loss = tf.neg(tf.sum(tf.mul(ofTargets(logits, targets, rows), shares)));
      // The one-hot matrix is never made.
      const pulled = tf.mul(tf.softmax(logits), tf.expandDims(shares, 1));
      const dlogits = tf.tensorScatterUpdate(pulled, at, tf.sub(tf.gatherND(pulled, at), shares));
      return [loss, ...projectBack(dlogits, hidden, weight, precision)];
    }),
});

/**
 * Log probability of each target: `logits[r, targets[i]] − log Σ exp(logits[r])` with `r = rows[i]`. Not differentiable: {@link crossEntropy} is.
 *
 * @param of - hidden states `[n, width]` and their output layer `[vocab, width]`.
 * @param targets - int32 `[m]`, each in `0 … vocab − 1` (the caller checks).
 * @param rows - int32 `[m]`, each in `0 … n − 1` (the caller checks): after which row each target is asked. Default: one after every row, `m = n`. A row is
 *   multiplied once, however many targets it has.
 * @returns float32 `[m]`, in nats, at most 0.
 * @throws {@link ShapeError} `KERNEL_SHAPE` when m differs or the targets are not int32.
 */
export function tokenLogProbabilities(of: Projection, targets: tf.Tensor, rows?: tf.Tensor): tf.Tensor {
  expectTargets('tokenLogProbabilities', of, targets, rows);
  return tokenLogProbabilitiesKernel({ hidden: of.hidden, weight: of.weight, targets, ...(rows ? { rows } : {}) }, precisionAttribute());
}

/**
 * Mean negative log likelihood of the targets, in nats per token.
 *
 * @param of - hidden states `[n, width]` and their output layer `[vocab, width]`.
 * @param targets - int32 `[n]`, each in `0 … vocab − 1` (the caller checks).
 * @param weights - float32 `[n]`, not all 0: the mean is weighted by them (0 leaves a row out). Default: all 1.
 * @returns float32 scalar. The gradient goes to the hidden states and the output layer; it is computed with the value, when a tape runs.
 * @throws {@link ShapeError} `KERNEL_SHAPE` as {@link tokenLogProbabilities}, or when the weights do not fit.
 */
export function crossEntropy(of: Projection, targets: tf.Tensor, weights?: tf.Tensor): tf.Scalar {
  expectTargets('crossEntropy', of, targets);
  const weighted = weights === undefined || (weights.rank === 1 && weights.size === targets.size);
  expectShape('crossEntropy', weighted, () => `${targets.size} targets and weights [${weights?.shape}]`, 'one weight per target');
  const shares = (): tf.Tensor => (weights === undefined ? tf.fill([targets.size], 1 / targets.size) : tf.div(weights, tf.sum(weights)));
  if (!gradientsWanted()) return tf.tidy(() => tf.neg(tf.sum(tf.mul(tokenLogProbabilities(of, targets), shares()))));
  return scalarLoss(of, () => crossEntropyKernel({ hidden: of.hidden, weight: of.weight, targets, shares: shares() }, precisionAttribute()));
}

/** A scalar whose gradients with respect to a projection came with it: `[loss, dhidden, dweight]`. */
export function scalarLoss({ hidden, weight }: Projection, compute: () => tf.Tensor[]): tf.Scalar {
  return withGradient({
    inputs: [hidden, weight],
    saved: [],
    forward: () => {
      const [value, ...gradients] = compute() as [tf.Scalar, ...tf.Tensor[]];
      return { value, saved: gradients };
    },
    // Gradients as large as the output layer need no copy where this is the loss itself, not a part of one. (WebGPU does not tell at once.)
    backward: (dy, gradients) => {
      const whole = tf.getBackend() !== 'webgpu' && dy.dataSync()[0] === 1;
      return gradients.map((gradient) => (whole ? tf.clone(gradient) : tf.mul(gradient, dy)));
    },
  });
}

function expectTargets(kernel: string, of: Projection, targets: tf.Tensor, rows?: tf.Tensor): void {
  expectProjection(kernel, of);
  const fits = [targets, ...(rows ? [rows] : [])].every(({ rank, dtype }) => rank === 1 && dtype === 'int32');
  const [own, expected] = rows ? [rows, 'int32 targets, and an int32 row of hidden for each'] : [of.hidden, 'one int32 target per row'];
  const found = (): string => `hidden ${shapeOf(of.hidden)}${rows ? `, rows ${shapeOf(rows)}` : ''} and targets ${shapeOf(targets)}`;
  expectShape(kernel, fits && targets.size === own.shape[0], found, expected);
}
