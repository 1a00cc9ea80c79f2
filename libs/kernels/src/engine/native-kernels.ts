import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import { providePrograms } from '../program.js';
import { type Addon, type NativeOp, orderedInputs } from './addon.js';
import { findAddon } from './build-kernels.js';
import type { InstalledEngine } from './installed.js';
import type { NodeBackend } from './node-backend.js';

/** Which native kernels run. */
export interface NativeKernels {
  /** The instruction set that they use: `x86-64-v4` (AVX-512), where there is more `x86-64-v4 with avx512_bf16`, `x86-64-v3` (AVX2 and FMA) or `base`. */
  readonly level: string;
  /** `ChopRmsNorm`, … */
  readonly names: readonly string[];
  /** The most that TensorFlow's allocator held so far; unknown before the first native op. Weights that JavaScript holds are not in it. */
  peakBytes(): number | undefined;
}

/**
 * Loads the addon that was built from these sources. Loaded before TensorFlow has a context, it has all memory of tensors lie in large pages.
 *
 * @returns undefined where no addon was built.
 */
export async function loadAddon(installed: InstalledEngine): Promise<Addon | undefined> {
  const file = await findAddon(installed);
  return file === undefined ? undefined : (createRequire(import.meta.url)(file) as Addon);
}

/** Enters the addon's ops in TensorFlow.js's kernel registry for the backend `tensorflow`: a kernel row finds its native sibling there by name. */
export function enterKernels(addon: Addon): NativeKernels {
  const { level, memory } = addon;
  const device = (tf.backend() as NodeBackend).isUsingGpuDevice ? 'GPU' : 'CPU';
  // Without a kernel for the GPU an op would run on copies in the processor's memory, and write into them: there a row computes by its reference, on the GPU.
  const ops = addon.ops.filter(({ devices }) => devices.includes(device));
  for (const op of ops) tf.registerKernel({ kernelName: op.name, backendName: 'tensorflow', kernelFunc: kernelFunction(op) });
  if (device === 'CPU') providePrograms(tf.backend(), addon);
  return { level, names: ops.map(({ name }) => name), peakBytes: () => memory()?.peak };
}

function kernelFunction(op: NativeOp): tf.KernelFunc {
  const { name, attributes, outputs } = op;
  return ({ inputs, attrs = {}, backend }) => {
    const { binding, executeMultipleOutputs } = backend as NodeBackend;
    const { given, lengths } = orderedInputs(op, inputs);
    const values = attributes.map((attribute) => ({ name: attribute, type: binding.TF_ATTR_FLOAT, value: attrs[attribute] as unknown as number }));
    const counts = Object.entries(lengths).map(([length, value]) => ({ name: length, type: binding.TF_ATTR_INT, value }));
    const results = executeMultipleOutputs.call(backend, name, [...values, ...counts], given, outputs);
    return outputs === 1 ? results[0]! : results;
  };
}
