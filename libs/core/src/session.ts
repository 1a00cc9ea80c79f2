import type * as tf from '@tensorflow/tfjs-core';
import type { Axes } from './axis.js';
import type { Blueprint, Weight } from './blueprint.js';
import type { Random } from './random.js';
import type { Statistic } from './statistic.js';

/** What a method may see of the model: everything, and nothing of it can be written. */
export interface View {
  /** The model as it is now. */
  readonly blueprint: Blueprint;
  readonly axes: Axes;
  /** The axes of the model that was opened, before any edit. */
  readonly opened: Axes;
  /** The matrices of the blocks: of one layer, or of all. */
  linears(at?: number): Weight[];
  /** The current values, float32 in the weight's shape; borrowed. */
  weight(weight: Weight | string): tf.Tensor;
  /** Which indices of the model that was opened an axis still has. */
  indices(axis: string, at?: number): Int32Array;
}

/** Steps and tokens a training run has in all, and how many it has behind it. */
export interface Budget {
  readonly steps: number;
  readonly tokensPerStep: number;
  readonly stepsDone: number;
}

/** One optimiser step, after the update. */
export interface Step {
  /** 1 for the first. */
  readonly index: number;
  /** Trained on so far, this step included. */
  readonly tokens: number;
  /** The gradient as the optimiser used it (accumulated, clipped); borrowed until the next step. */
  gradient(weight: Weight | string): tf.Tensor;
}

/** What a method remembers of each weight. After an edit, it is the cut one under the weight's new name. */
export interface State {
  of(weight: Weight | string): tf.Variable;
}

/** One layer during a sweep: its matrices and what was measured of their inputs on the calibration text. */
export interface Block {
  readonly at: number;
  readonly linears: Weight[];
  of<R>(statistic: Statistic<R>, linear: Weight): R;
}

/** What a method works with. Its only memory is {@link Session.state}. */
export interface Session {
  readonly model: View;
  readonly budget: Budget;
  readonly random: Random;
  readonly signal: AbortSignal | undefined;
  /** One zero-initialised variable per weight, of its shape: saved with every snapshot, cut together with its weight. */
  state(name: string, like: readonly Weight[]): State;
  /** Block after block over the calibration text (without statistics: just its weights). Edits act when the block is left, so that the next one sees them. */
  sweep(...statistics: Statistic<unknown>[]): AsyncIterable<Block>;
  /** Step after step through training. Edits act before the next step. */
  steps(): AsyncIterable<Step>;
}
