import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { Engine } from './engine.js';
import { registerGpuTwins } from './gpu-twins.js';
import { registerWasmKernels } from './wasm-kernels.js';
import { registerWasmProduct } from '../wasm-product.js';
import { mendWasmKernels } from './wasm-mended.js';

/** What is used of the backend beyond TensorFlow.js' own contract: its one growing block of memory. */
interface WasmBackend {
  readonly wasm: { readonly HEAPU8: Uint8Array };
}

/** Makes WebAssembly (SIMD where the processor has it) the backend of TensorFlow.js. */
export async function startWasm(threads: number | undefined, reason: string): Promise<Engine> {
  const { setWasmPaths, setThreadsCount, getThreadsCount } = await import('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')) + sep);
  if (threads !== undefined) setThreadsCount(threads);
  registerWasmKernels();
  mendWasmKernels();
  registerWasmProduct();
  registerGpuTwins('wasm');
  if (!(await withoutItsListeners(() => tf.setBackend('wasm')))) throw new Error('the WebAssembly backend does not start');
  return {
    name: 'wasm',
    version: `TensorFlow.js ${tf.version_core}`,
    threads: getThreadsCount(),
    device: 'cpu',
    reason,
    // The block grows and never shrinks, so its size is the peak.
    memory: () => ({ bytesInUse: tf.memory().numBytes, peakBytes: (tf.backend() as unknown as WasmBackend).wasm.HEAPU8.byteLength }),
  };
}

/** The module's loader installs handlers which rethrow every failed promise of the whole process; they are taken off. */
async function withoutItsListeners<T>(load: () => Promise<T>): Promise<T> {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = new Map(events.map((event) => [event, process.listeners(event as 'uncaughtException')]));
  try {
    return await load();
  } finally {
    for (const [event, known] of before) {
      const added = process.listeners(event as 'uncaughtException').filter((listener) => !known.includes(listener));
      for (const listener of added) process.removeListener(event, listener);
    }
  }
}
