import { type Dtype, fromFloat32, toFloat32 } from '@chop/core';
import type { GgufDtype } from './save-gguf.js';
import { PRECISIONS, type OnnxDtype } from './save-onnx.js';
import type { Written } from './verify.js';

/** What values `[…, features]` become before a runtime multiplies them by a matrix. */
export type RoundValues = (values: Float32Array, features: number) => Float32Array;

/** How a runtime rounds what goes through a model, where it is told to compute in less than float32. */
export interface Rounding {
  /** The values that a matrix of linear weights is multiplied by. */
  readonly inputs: RoundValues;
  /** What layers hand on, where that is rounded too. */
  readonly between?: RoundValues;
}

/** Blocks of 8 bits: of ggml's Q8_0 and of ONNX Runtime's `accuracy_level` 4, and of ggml's Q8_K, which K-quants are multiplied by. */
const [BLOCK, K_BLOCK] = [32, 256] as const;

/**
 * Grids of like fineness on which values are rounded: how far a model moves is chance in part, and the order in which a runtime adds is another chance.
 * `steps`: of a block's largest value, of 8 bits with a sign; `scale`: by which floats are multiplied before, and divided afterwards.
 */
const GRIDS = [
  { steps: 127, scale: 1 },
  { steps: 126, scale: 0.75 },
  { steps: 125, scale: 0.8125 },
  { steps: 124, scale: 0.6875 },
] as const;
type Grid = (typeof GRIDS)[number];

/**
 * How the runtimes of a format round activations, on several grids. llama.cpp multiplies quantised matrices by blocks of 8 bits, and matrices of half floats by
 * half floats; a graph in float16 has float16 everywhere, one of blocks multiplies them by blocks of 8 bits. Nothing where all is float32.
 */
export function roundingsOf({ format, dtype }: Pick<Written, 'format' | 'dtype'>): readonly Rounding[] {
  if (dtype === 'f32') return [];
  if (format === 'gguf') return GRIDS.map((grid) => ({ inputs: ggufInputs(dtype as GgufDtype, grid) }));
  const { float, ...blocks } = PRECISIONS[dtype as OnnxDtype];
  return GRIDS.map((grid) => ({
    inputs: 'bits' in blocks ? inBlocks(() => BLOCK, grid) : inFloats('F16', grid),
    ...(float === 'f16' ? { between: inFloats('F16', grid) } : {}),
  }));
}

function ggufInputs(dtype: GgufDtype, grid: Grid): RoundValues {
  if (dtype === 'f16' || dtype === 'bf16') return inFloats(dtype === 'f16' ? 'F16' : 'BF16', grid);
  return inBlocks((features) => (dtype === 'q4_k_m' && features % K_BLOCK === 0 ? K_BLOCK : BLOCK), grid);
}

function inFloats(dtype: Dtype, { scale }: Grid): RoundValues {
  return (values) =>
    through(
      dtype,
      values.map((value) => value * scale),
    ).map((value) => value / scale);
}

/** Each block as whole steps of its largest value. */
function inBlocks(sizeOf: (features: number) => number, { steps }: Grid): RoundValues {
  return (values, features) => {
    const rounded = new Float32Array(values.length);
    const size = sizeOf(features);
    for (let row = 0; row < values.length; row += features)
      for (let from = row; from < row + features; from += size) {
        const to = Math.min(from + size, row + features);
        let largest = 0;
        for (let at = from; at < to; at++) largest = Math.max(largest, Math.abs(values[at]!));
        const step = largest / steps;
        if (step > 0) for (let at = from; at < to; at++) rounded[at] = Math.round(values[at]! / step) * step;
      }
    return rounded;
  };
}

/** Values as a float type holds them. */
export function through(dtype: Dtype, values: Float32Array): Float32Array {
  return dtype === 'F32' ? values : toFloat32(fromFloat32(values, dtype), dtype);
}
