import * as tf from '@tensorflow/tfjs-core';

type KernelCall = Parameters<tf.KernelFunc>[0];

/** What is used of the WebAssembly backend: its memory, seen as typed arrays, and what it notes of a tensor. */
export interface WasmMemory {
  readonly dataIdMap: { get(dataId: object): { dtype: tf.DataType } };
  makeOutput(shape: readonly number[], dtype: tf.DataType): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array | Int32Array | Uint8Array;
}

/**
 * Mends kernels of the WebAssembly backend (version 4.22) that compute something else than the other backends for
 * some dtypes, or write over memory that is not theirs.
 */
export function mendWasmKernels(): void {
  // Cuts 0.5 down to false, and keeps 3 as it is.
  mend('Cast', (call, original) => (call.attrs?.['dtype'] === 'bool' ? isNonZero(call, original) : original(call)));
  // Compares the bits of int32 as if they were float32.
  mend('ClipByValue', (call, original) => (inputOf(call).dtype === 'int32' ? clipInt(call) : original(call)));
  // Labels its result float32 whatever went in, and reads four bytes for a boolean.
  mend('StridedSlice', (call, original) => (inputOf(call).dtype === 'int32' ? labelledInt(call, original) : asInt(call, original, 'StridedSlice')));
  // Write four bytes for a boolean of one byte.
  mend('Select', (call, original) => asInt(call, original, 'Select'));
  mend('Reverse', (call, original) => asInt(call, original, 'Reverse'));
  // The same, and whole numbers for float32.
  mend('OneHot', oneHot);
}

type Kernel = (call: KernelCall) => tf.TensorInfo;

function mend(kernelName: string, mended: (call: KernelCall, original: Kernel) => tf.TensorInfo): void {
  const config = tf.getKernel(kernelName, 'wasm');
  tf.unregisterKernel(kernelName, 'wasm');
  tf.registerKernel({ ...config, kernelFunc: (call) => mended(call, config.kernelFunc as Kernel) });
}

function inputOf(call: KernelCall): tf.Tensor {
  return call.inputs['x'] as tf.Tensor;
}

function memoryOf(call: KernelCall): WasmMemory {
  return call.backend as unknown as WasmMemory;
}

function isNonZero(call: KernelCall, original: Kernel): tf.TensorInfo {
  const x = inputOf(call);
  return x.dtype === 'bool' ? original(call) : tf.tidy(() => tf.notEqual(x, tf.scalar(0, x.dtype)));
}

function clipInt(call: KernelCall): tf.TensorInfo {
  const bound = (name: string) => tf.scalar(Math.trunc(Number(call.attrs?.[name])), 'int32');
  return tf.tidy(() => tf.minimum(tf.maximum(inputOf(call), bound('clipValueMin')), bound('clipValueMax')));
}

function labelledInt(call: KernelCall, original: Kernel): tf.TensorInfo {
  const output = original(call);
  memoryOf(call).dataIdMap.get(output.dataId).dtype = 'int32';
  return { dataId: output.dataId, shape: output.shape, dtype: 'int32' };
}

/** Lets a kernel compute on booleans as int32; a condition stays one. */
function asInt(call: KernelCall, original: Kernel, kernelName: string): tf.TensorInfo {
  const inputs = Object.entries(call.inputs) as [string, tf.Tensor][];
  const isValue = (name: string, input: tf.Tensor) => name !== 'condition' && input.dtype === 'bool';
  if (!inputs.some(([name, input]) => isValue(name, input))) return original(call);
  return tf.tidy(() => {
    const ints = inputs.map(([name, input]) => [name, isValue(name, input) ? tf.cast(input, 'int32') : input] as const);
    return tf.cast(tf.engine().runKernel(kernelName, Object.fromEntries(ints), call.attrs ?? {}) as tf.Tensor, 'bool');
  });
}

/** Indices int32 `[…]` to `[…, depth]`; an index outside of the depth gives a row without a hot place. */
function oneHot(call: KernelCall): tf.TensorInfo {
  const indices = call.inputs['indices'] as tf.TensorInfo;
  const { depth, onValue, offValue, dtype } = call.attrs as unknown as { depth: number; onValue: number; offValue: number; dtype: tf.DataType };
  // The output first: making it may move the memory that the views look into.
  const output = memoryOf(call).makeOutput([...indices.shape, depth], dtype);
  const hot = memoryOf(call).typedArrayFromHeap(output).fill(offValue);
  memoryOf(call)
    .typedArrayFromHeap(indices)
    .forEach((index, row) => {
      if (index >= 0 && index < depth) hot[row * depth + index] = onValue;
    });
  return output;
}
