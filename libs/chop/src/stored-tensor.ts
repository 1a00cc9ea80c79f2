import type { Checkpoint, Dtype } from '@chop/core';
import { reencode, type TensorSource } from '@chop/formats';
import type { FloatName } from './verbs.js';

/** Stored float types, by their names on the command line. */
export const FLOAT_DTYPES: Readonly<Record<FloatName, Dtype>> = { f32: 'F32', f16: 'F16', bf16: 'BF16' };

/** A tensor of a checkpoint as it is written in `dtype`. */
export function storedTensor(checkpoint: Checkpoint, name: string, dtype: Dtype): TensorSource {
  const info = checkpoint.tensors.get(name)!;
  return {
    name,
    shape: info.shape,
    dtype,
    pieces: () => (dtype === info.dtype ? checkpoint.stream(name) : reencode(checkpoint.stream(name), info.dtype, dtype)),
  };
}
