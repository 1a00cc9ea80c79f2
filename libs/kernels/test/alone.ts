import * as tf from '@tensorflow/tfjs-core';
import { sampleData } from '../src/conformance.js';
import type { NodeBackend } from '../src/engine/node-backend.js';

/** As many rows as one call of a training step has. */
const ALL = 2048;

/**
 * Computes the first 1, 7 and 33 of 2048 rows by themselves, on the native engine.
 *
 * @param width - numbers in a row of what is given to `compute`, and of what it makes.
 * @returns the counts whose rows differ in a bit from the same rows computed with the others.
 */
export async function changedAlone(width: number, compute: (rows: tf.Tensor2D) => tf.Tensor): Promise<number[]> {
  await tf.setBackend('tensorflow');
  const { values } = sampleData([ALL, width], 91);
  const bits = (count: number): Float32Array =>
    tf.tidy(() =>
      compute(tf.tensor2d(values.slice(0, count * width), [count, width]))
        .dataSync<'float32'>()
        .slice(),
    );
  const all = bits(ALL);
  return [1, 7, 33].filter((count) => Buffer.compare(Buffer.from(bits(count).buffer), Buffer.from(all.slice(0, count * width).buffer)) !== 0);
}

/** Whether the native engine computes on a GPU, where only some rows are native. */
export const isOnGpu = (): boolean => (tf.findBackend('tensorflow') as NodeBackend | null)?.isUsingGpuDevice === true;

/** Whether the native kernel of a row is built, for where the native engine computes. */
export const hasNative = (row: string): boolean => tf.getKernel(`Chop${row}`, 'tensorflow') !== undefined;
