import * as tf from '@tensorflow/tfjs-core';

import { expectShape } from './kernel.js';

/** How rotary frequencies are stretched for long contexts, in Hugging Face's spelling (`rope_scaling`). */
export type RopeScaling =
  | { readonly kind: 'none' }
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly low_freq_factor: number;
      readonly high_freq_factor: number;
      readonly original_max_position_embeddings: number;
    };

/** Which positions and frequencies the tables are for. */
export interface RopeOptions {
  /** How many positions, one row each; or which ones. */
  readonly positions: number | ArrayLike<number>;
  /** The first position (tokens already in the cache), where their number is given. Default 0. */
  readonly offset?: number;
  /** Size of a head before any cut of it, or of its part that is turned: even. */
  readonly inner: number;
  readonly theta: number;
  readonly scaling?: RopeScaling;
  /** The rotary pairs that a cut of `inner` has left, each `0 … inner / 2 − 1`; they keep their old frequencies. Default: all. */
  readonly pairs?: readonly number[];
}

/** float32 `[positions, pairs]` each; owned by the caller. */
export interface RopeTables {
  readonly cos: tf.Tensor;
  readonly sin: tf.Tensor;
}

/**
 * Angles per position of each rotary pair: `theta^(−2i / inner)`, scaled (Su et al. 2021, arXiv 2104.09864; scaling as
 * transformers' `modeling_rope_utils` defines it).
 */
export function ropeFrequencies({ inner, theta, scaling = { kind: 'none' } }: Pick<RopeOptions, 'inner' | 'theta' | 'scaling'>): number[] {
  return Array.from({ length: inner / 2 }, (_, pair) => scaled(theta ** ((-2 * pair) / inner), scaling));
}

/**
 * Cosines and sines for {@link rope}, computed on the host in float64.
 *
 * @throws {@link ShapeError} `KERNEL_SHAPE` when `inner` is odd or a pair is not one of its.
 */
export function ropeTables({ positions, offset = 0, inner, theta, scaling = { kind: 'none' }, pairs }: RopeOptions): RopeTables {
  expectShape('ropeTables', inner > 0 && inner % 2 === 0, () => `inner ${inner}`, 'an even size of a head');
  const all = ropeFrequencies({ inner, theta, scaling });
  const known = pairs === undefined || pairs.every((pair) => all[pair] !== undefined);
  expectShape('ropeTables', known, () => `pairs ${pairs?.join(', ')}`, `each 0 to ${all.length - 1}`);
  const frequencies = pairs === undefined ? all : pairs.map((pair) => all[pair]!);
  const rows = typeof positions === 'number' ? positions : positions.length;
  const cos = new Float32Array(rows * frequencies.length);
  const sin = new Float32Array(rows * frequencies.length);
  for (let row = 0, at = 0; row < rows; row++) {
    const position = typeof positions === 'number' ? offset + row : positions[row]!;
    for (const frequency of frequencies) {
      const angle = position * frequency;
      cos[at] = Math.cos(angle);
      sin[at++] = Math.sin(angle);
    }
  }
  const shape: [number, number] = [rows, frequencies.length];
  return { cos: tf.tensor2d(cos, shape), sin: tf.tensor2d(sin, shape) };
}

function scaled(frequency: number, scaling: RopeScaling): number {
  if (scaling.kind === 'none') return frequency;
  if (scaling.kind === 'linear') return frequency / scaling.factor;
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context } = scaling;
  const turns = (context * frequency) / (2 * Math.PI); // how often the pair goes round within the original context
  if (turns > high) return frequency;
  if (turns < low) return frequency / factor;
  const smooth = (turns - low) / (high - low);
  return (1 - smooth) * (frequency / factor) + smooth * frequency;
}
