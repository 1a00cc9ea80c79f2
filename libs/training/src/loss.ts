import { type Configured, type Distiller, type Model, type Outputs, type PassOptions, ShapeError } from '@chop/core';
import { crossEntropy, rowsOf } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { checkpointed } from './checkpointed.js';

/** A batch on the engine: int32 ids `[batch, window]`; segments alike; weights float32 `[batch, window]`, of the prediction made at each position. */
export interface TokenBatch {
  readonly ids: tf.Tensor;
  readonly segments?: tf.Tensor;
  readonly weights?: tf.Tensor;
}

/** A distiller with its options, and the frozen teacher that it listens to. */
export interface Distillation extends Configured<Distiller> {
  readonly teacher: Model;
}

/** Loss terms by name, scalars; the loss is their sum. */
export type Terms = Record<string, tf.Tensor>;

/**
 * The terms of the training loss on one batch: the mean over the `window − 1` positions of each sequence that predict a token,
 * or over those of them whose weight is not 0; with a distiller, what it makes of that and of the teacher's word.
 */
export function lossTerms(
  model: Model,
  batch: TokenBatch,
  {
    distillation,
    teacher,
    checkpointBlocks = false,
  }: { distillation?: Distillation | undefined; teacher?: Outputs | undefined; checkpointBlocks?: boolean } = {},
): Terms {
  const [rows, window] = batch.ids.shape as [number, number];
  const targets = tf.reshape(tf.slice(batch.ids, [0, 1], [rows, window - 1]), [-1]);
  const weights = predictionWeights(batch);
  const student = outputs(model, batch, distillation?.method.taps(distillation.options) ?? [], checkpointBlocks);
  const lm = crossEntropy(student.projection, targets, weights);
  if (!distillation || !teacher) return { lm };
  const [taught, known] = [teacher, student].map(({ projection }) => projection.weight.shape[0]!);
  if (taught !== known) {
    throw new ShapeError('DISTILL_VOCABULARY', {
      found: `a teacher with ${taught} token ids`,
      expected: `${known}, as the student has`,
      remedy: 'Teacher and student must share a tokenizer.',
    });
  }
  return distillation.method.terms({ lm, student, teacher, ...(weights ? { weights } : {}) }, distillation.options);
}

/** How many positions of a batch count in its mean loss: those that predict a token, or the sum of their weights. */
export async function countedPositions(batch: TokenBatch): Promise<number> {
  const [rows, window] = batch.ids.shape as [number, number];
  if (!batch.weights) return rows * (window - 1);
  const sum = tf.tidy(() => tf.sum(predictionWeights(batch)!));
  const counted = (await sum.data())[0]!;
  sum.dispose();
  return counted;
}

/** The weights of the predicting positions, `[batch · (window − 1)]`. */
function predictionWeights({ ids, weights }: TokenBatch): tf.Tensor | undefined {
  const [rows, window] = ids.shape as [number, number];
  return weights && tf.reshape(tf.slice(weights, [0, 0], [rows, window - 1]), [-1]);
}

/** What a model says at the `batch · (window − 1)` predicting positions, and the tapped values; layers computed again in the backward pass if told so. */
export function outputs(model: Model, { ids, segments }: TokenBatch, wantedTaps: readonly string[], checkpointBlocks = false): Outputs {
  const window = ids.shape[1]!;
  const taps = new Map<string, tf.Tensor>();
  const options: PassOptions = {
    wanted: { from: 0, to: window - 1 },
    ...(segments ? { segments } : {}),
    ...(wantedTaps.length > 0 ? { onTap: (name, value) => void (wantedTaps.includes(name) && taps.set(name, value)) } : {}),
  };
  const heard = (at: number): boolean => wantedTaps.some((name) => name.startsWith(`layers.${at}.`));
  const walked = checkpointBlocks ? { ...options, walk: checkpointed(model, options, heard) } : options;
  return { projection: rowsOf(model.predict(ids, walked)), taps };
}
