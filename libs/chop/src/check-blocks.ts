import { type Checkpoint, OutputError, readBytes, toFloat32 } from '@chop/core';
import type { GgufDtype } from './save-gguf.js';

/**
 * How far a tensor in blocks may be from what it was made of, as a share of its length. Eight bits: a block whose values are half a 127th of the largest
 * away from it is 0.022 away; normal weights 0.006. Four bits: normal weights 0.07 to 0.1. Other weights, zeros, rows in another order or a scale of twice the
 * size are 1 away and more.
 */
const SHARES: Readonly<Partial<Record<GgufDtype, number>>> = { q8_0: 0.03, q4_0: 0.3, q4_k_m: 0.3 };

/**
 * That blocks hold the weights that they were made of: what reads them cannot know.
 *
 * @throws {@link OutputError} `EXPORT_DIFFERS` at the first tensor that is another one.
 */
export async function checkBlocks(
  written: Checkpoint,
  own: Checkpoint,
  { dtype, file, signal }: { readonly dtype: string; readonly file: string; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const share = SHARES[dtype as GgufDtype]!;
  for (const name of own.tensors.keys()) {
    signal?.throwIfAborted();
    const [found, expected] = [await valuesOf(written, name), await valuesOf(own, name)];
    const apart = Math.sqrt(squares(expected, (value, at) => found[at]! - value) / squares(expected, (value) => value));
    // Not a number: zeros that are zeros, or what is no number itself.
    if (apart <= share || (Number.isNaN(apart) && found.every((value, at) => value === expected[at]))) continue;
    throw new OutputError('EXPORT_DIFFERS', {
      file,
      found: `${name} in blocks that are ${apart.toPrecision(2)} of its length away from it`,
      expected: `at most ${share}`,
      remedy: 'Nothing was written. Tell us with the model and the command; --no-verify writes it all the same.',
      tensor: name,
    });
  }
}

async function valuesOf(checkpoint: Checkpoint, name: string): Promise<Float32Array> {
  return toFloat32(await readBytes(checkpoint, name), checkpoint.tensors.get(name)!.dtype);
}

function squares(values: Float32Array, difference: (value: number, at: number) => number): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += difference(values[at]!, at) ** 2;
  return sum;
}
