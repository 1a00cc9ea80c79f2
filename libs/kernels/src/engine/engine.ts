import type { NativeKernels } from './native-kernels.js';

/** The backends of TensorFlow.js that chop runs on: native TensorFlow, WebGPU, WebAssembly, plain JavaScript. */
export type EngineName = 'tensorflow' | 'webgpu' | 'wasm' | 'cpu';

/** What `memory()` of an engine tells. */
export interface EngineMemory {
  /** Bytes of all live tensors. */
  readonly bytesInUse: number;
  /** The most memory that was held so far: the engine's own count where it keeps one, else that of the process. */
  readonly peakBytes: number;
}

/** The engine that this process computes on. */
export interface Engine {
  readonly name: EngineName;
  /** `TensorFlow 2.18.0`, or `TensorFlow.js 4.22.0` for the others. */
  readonly version: string;
  /** Threads that one operation may use. */
  readonly threads: number;
  readonly device: 'cpu' | 'cuda' | 'gpu';
  /** The native kernels that run instead of their references; only of `tensorflow`, where they were built. */
  readonly native?: NativeKernels;
  /** Why this engine runs, and what to type for a faster one. */
  readonly reason: string;
  memory(): EngineMemory;
}

/** The command that installs the native engine, as remedies name it. */
export const INSTALL_COMMAND = 'chop engine install';
