import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { kernelRows } from '../src/engine/check-kernels.js';
import { findCompiler } from '../src/engine/compile.js';
import { startCpu } from '../src/engine/cpu.js';
import type { Engine } from '../src/engine/engine.js';
import { registerGradients } from '../src/engine/gradients.js';
import { findEngine } from '../src/engine/installed.js';
import { startTensorflow } from '../src/engine/tensorflow.js';
import { startWasm } from '../src/engine/wasm.js';
import { findWebgpu, startWebgpu } from '../src/engine/webgpu.js';
import { cudaSources, SOURCES } from './cuda/emulated.js';

/**
 * Starts every engine that is there and names its backend: kernels are tried on all of them in one process. Where native ones can be
 * built they must be: a spec that tries references only would pass for nothing.
 *
 * @param which - `webgpu`: a GPU too, where WebGPU finds one or SwiftShader; its values come back asynchronously only. Default: not.
 */
export async function startBackends(which: { webgpu?: boolean } = {}): Promise<string[]> {
  return (await startEngines(which)).map(({ name }) => name);
}

/** As {@link startBackends}: the engines themselves. */
export async function startEngines({ webgpu = false } = {}): Promise<Engine[]> {
  registerGradients();
  const engines = [await startCpu('test'), await startWasm(undefined, 'test')];
  const installed = await findEngine();
  if (installed !== undefined) {
    const engine = await startTensorflow(installed, {}, 'test');
    await expectNative(engine);
    engines.push(engine);
  }
  if (webgpu && (await findWebgpu()) !== undefined) engines.push(await startWebgpu('test'));
  return engines;
}

async function expectNative({ native, device }: Engine): Promise<void> {
  if (native === undefined) {
    if (!canCompile()) return;
    throw new Error('The native kernels of these sources are not built, and would not be tested: type `npx tsc -b libs/kernels && npx chop engine install`.');
  }
  // On a GPU rows with a .cu are native: the others are their references there.
  const missing = (device === 'cuda' ? await rowsOfGpu() : await kernelRows()).filter((row) => !native.names.includes(`Chop${row}`));
  if (missing.length > 0) throw new Error(`These kernels run on their references although native ones are loaded: ${missing.join(', ')}.`);
}

/** The rows that a `.cu` has kernels for. */
async function rowsOfGpu(): Promise<string[]> {
  const sources = await Promise.all((await cudaSources()).map((file) => readFile(join(SOURCES, file), 'utf8')));
  return sources.flatMap((text) => Array.from(text.matchAll(/const Op \w+\("Chop(\w+)"/g), ([, row]) => row!));
}

function canCompile(): boolean {
  try {
    findCompiler();
    return true;
  } catch {
    return false;
  }
}

/** The numbers of what `compute` makes on one backend. */
export async function numbersOn(backend: string, compute: () => tf.Tensor): Promise<number[]> {
  await tf.setBackend(backend);
  return tf.tidy(() => Array.from(compute().dataSync()));
}
