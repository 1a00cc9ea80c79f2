import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import { findAddon } from './build-kernels.js';
import type { InstalledEngine } from './installed.js';

/** An op of the addon, as `runtime.cc` tells it. */
interface NativeOp {
  readonly name: string;
  /** In order; one that ends with `*` takes every input whose name begins so, be it none. */
  readonly inputs: readonly string[];
  /** All float. */
  readonly attributes: readonly string[];
  readonly outputs: number;
}

/** What the addon exports. */
interface Addon {
  readonly level: string;
  readonly ops: readonly NativeOp[];
  /** Of TensorFlow's allocator, once an op has run. */
  memory(): { readonly inUse: number; readonly peak: number } | undefined;
}

/** Which native kernels run. */
export interface NativeKernels {
  /** The instruction set that they use: `x86-64-v4` (AVX-512), `x86-64-v3` (AVX2 and FMA) or `base`. */
  readonly level: string;
  /** `ChopRmsNorm`, … */
  readonly names: readonly string[];
  /** The most that TensorFlow's allocator held so far; unknown before the first native op. Weights that JavaScript holds are not in it. */
  peakBytes(): number | undefined;
}

/** What is used of the package's backend beyond TensorFlow.js' own contract. */
interface NodeBackend {
  readonly binding: { readonly TF_ATTR_FLOAT: number; readonly TF_ATTR_INT: number };
  executeMultipleOutputs(op: string, attributes: readonly object[], inputs: readonly tf.TensorInfo[], outputs: number): tf.TensorInfo[];
}

/**
 * Loads the addon that was built from these sources and enters its ops in TensorFlow.js's kernel registry for the backend `tensorflow`:
 * a kernel row finds its native sibling there by name.
 *
 * @returns undefined where no addon was built.
 */
export async function loadNativeKernels(installed: InstalledEngine): Promise<NativeKernels | undefined> {
  const file = await findAddon(installed.folder);
  if (file === undefined) return undefined;
  const { level, ops, memory } = createRequire(import.meta.url)(file) as Addon;
  for (const op of ops) tf.registerKernel({ kernelName: op.name, backendName: 'tensorflow', kernelFunc: kernelFunction(op) });
  return { level, names: ops.map(({ name }) => name), peakBytes: () => memory()?.peak };
}

function kernelFunction({ name, inputs: wanted, attributes, outputs }: NativeOp): tf.KernelFunc {
  const list = wanted.at(-1)?.endsWith('*') ? wanted.at(-1)!.slice(0, -1) : undefined;
  const single = list === undefined ? wanted : wanted.slice(0, -1);
  return ({ inputs, attrs = {}, backend }) => {
    const { binding, executeMultipleOutputs } = backend as NodeBackend;
    const listed = list === undefined ? [] : Object.keys(inputs).filter((key) => key.startsWith(list) && !single.includes(key));
    const values = attributes.map((attribute) => ({ name: attribute, type: binding.TF_ATTR_FLOAT, value: attrs[attribute] as unknown as number }));
    const length = list === undefined ? [] : [{ name: 'N', type: binding.TF_ATTR_INT, value: listed.length }];
    const given = [...single, ...listed].map((key) => inputs[key]!);
    const results = executeMultipleOutputs.call(backend, name, [...values, ...length], given, outputs);
    return outputs === 1 ? results[0]! : results;
  };
}
