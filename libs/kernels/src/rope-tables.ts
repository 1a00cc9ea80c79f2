import * as tf from '@tensorflow/tfjs-core';

import { expectShape } from './kernel.js';
import { attentionFactor, type FrequencyOptions, ropeFrequencies } from './rope-frequencies.js';

/** Which positions and frequencies the tables are for. */
export interface RopeOptions extends FrequencyOptions {
  /** How many positions, one row each; or which ones. */
  readonly positions: number | ArrayLike<number>;
  /** The first position (tokens already in the cache), where their number is given. Default 0. */
  readonly offset?: number;
  /** Tokens of the whole text. Default: one more than the last position. */
  readonly length?: number;
  /** The rotary pairs that a cut of `inner` has left, each `0 … inner / 2 − 1`; they keep their old frequencies. Default: all. */
  readonly pairs?: readonly number[];
}

/** float32 `[positions, pairs]` each; owned by the caller. */
export interface RopeTables {
  readonly cos: tf.Tensor;
  readonly sin: tf.Tensor;
}

/**
 * Cosines and sines for {@link rope}, computed on the host in float64.
 *
 * @throws {@link ShapeError} `KERNEL_SHAPE` when `inner` is odd or a pair is not one of its.
 */
export function ropeTables({ positions, offset = 0, inner, theta, scaling = { kind: 'none' }, pairs, length }: RopeOptions): RopeTables {
  expectShape('ropeTables', inner > 0 && inner % 2 === 0, () => `inner ${inner}`, 'an even size of a head');
  const whole = length ?? (typeof positions === 'number' ? offset + positions : 1 + Array.from(positions).reduce((last, at) => Math.max(last, at), 0));
  const all = ropeFrequencies({ inner, theta, scaling, length: whole });
  const known = pairs === undefined || pairs.every((pair) => all[pair] !== undefined);
  expectShape('ropeTables', known, () => `pairs ${pairs?.join(', ')}`, `each 0 to ${all.length - 1}`);
  const frequencies = pairs === undefined ? all : pairs.map((pair) => all[pair]!);
  const factor = attentionFactor(scaling);
  const rows = typeof positions === 'number' ? positions : positions.length;
  const cos = new Float32Array(rows * frequencies.length);
  const sin = new Float32Array(rows * frequencies.length);
  for (let row = 0, at = 0; row < rows; row++) {
    const position = typeof positions === 'number' ? offset + row : positions[row]!;
    for (const frequency of frequencies) {
      const angle = position * frequency;
      cos[at] = factor * Math.cos(angle);
      sin[at++] = factor * Math.sin(angle);
    }
  }
  const shape: [number, number] = [rows, frequencies.length];
  return { cos: tf.tensor2d(cos, shape), sin: tf.tensor2d(sin, shape) };
}
