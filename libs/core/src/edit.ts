import type { Tensor } from '@tensorflow/tfjs-core';
import type { Weight } from './blueprint.js';

/** Keep these indices of an axis, in increasing order; `at` names the layer of an axis that every layer has its own of. */
export interface Keep {
  readonly keep: string;
  readonly at?: number;
  readonly indices: ArrayLike<number>;
}

/**
 * Set the elements to zero where `kept` (bool, the weight's shape) is false. A mask is frozen: it intersects with what is there and
 * holds through training. A latent one zeroes once, is trained on, and the next latent mask replaces it.
 */
export interface MaskWeight {
  readonly mask: string;
  readonly kept: Tensor;
  readonly latent?: boolean;
}

/** A latent mask over indices of an axis: every weight that has the axis is zero there, and norms along it count the live features only. */
export interface MaskAxis {
  readonly maskAxis: string;
  readonly at?: number;
  /** The indices that stay. */
  readonly indices: ArrayLike<number>;
}

/** Put other values (float32, the weight's shape) in a weight's place; earlier masks of it are gone. */
export interface Replace {
  readonly replace: string;
  readonly by: Tensor;
}

/** What a method yields. Names and indices are those of the model as the edits before have left it. */
export type Edit = Keep | MaskWeight | MaskAxis | Replace;

/** `keep('layer', [0, 2, 4])`, `keep('ffn', [1, 5], 3)`. */
export function keep(axis: string, indices: ArrayLike<number>, at?: number): Keep {
  return { keep: axis, indices, ...(at === undefined ? {} : { at }) };
}

/** `mask(weight, kept)`, frozen; `mask(weight, kept, { latent: true })` to be trained on. */
export function mask(weight: Weight | string, kept: Tensor, options: { latent?: boolean } = {}): MaskWeight {
  return { mask: typeof weight === 'string' ? weight : weight.name, kept, ...options };
}

/** `maskAxis('ffn', [1, 5], 3)`: a latent mask of whole indices. */
export function maskAxis(axis: string, indices: ArrayLike<number>, at?: number): MaskAxis {
  return { maskAxis: axis, indices, ...(at === undefined ? {} : { at }) };
}

/** `replace(weight, values)`. */
export function replace(weight: Weight | string, by: Tensor): Replace {
  return { replace: typeof weight === 'string' ? weight : weight.name, by };
}
