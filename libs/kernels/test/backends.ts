import * as tf from '@tensorflow/tfjs-core';
import { startCpu } from '../src/engine/cpu.js';
import { registerGradients } from '../src/engine/gradients.js';
import { findEngine } from '../src/engine/installed.js';
import { startTensorflow } from '../src/engine/tensorflow.js';
import { startWasm } from '../src/engine/wasm.js';

/** Starts every engine that is there and names its backend: kernels are tried on all of them in one process. */
export async function startBackends(): Promise<string[]> {
  await registerGradients();
  const engines = [await startCpu('test'), await startWasm(undefined, 'test')];
  const installed = await findEngine();
  if (installed !== undefined) engines.push(await startTensorflow(installed, {}, 'test'));
  return engines.map(({ name }) => name);
}

/** The numbers of what `compute` makes on one backend. */
export async function numbersOn(backend: string, compute: () => tf.Tensor): Promise<number[]> {
  await tf.setBackend(backend);
  return tf.tidy(() => Array.from(compute().dataSync()));
}
