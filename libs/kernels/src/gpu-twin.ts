import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import type { IKernelRunShortcut } from 'gpu.js';

/** How gpu.js computes: on a GPU (Dawn's `navigator.gpu` must be there; the answer is a promise), as WebAssembly, as plain JavaScript. */
export type TwinMode = 'webgpu' | 'webasm' | 'cpu';

/** What a thread knows beside its inputs. */
export interface Thread<C extends object> {
  /** Which number of the output it computes, row-major. */
  readonly thread: { readonly x: number };
  readonly constants: C;
}

/** An input of a row as the host sees it, row-major. */
export interface HostTensor {
  readonly values: Float32Array | Int32Array | Uint8Array;
  readonly shape: readonly number[];
}

/** One call of a twin. */
export interface TwinCall {
  /** The inputs of the thread, in order. */
  readonly inputs: readonly HostTensor['values'][];
  /** Numbers that its code is compiled with: sizes and attributes. */
  readonly constants: Readonly<Record<string, number>>;
  /** What one thread computes. gpu.js compiles its source, so that it names nothing but its inputs and `this`. */
  readonly thread: (this: never, ...inputs: never[]) => number;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'bool';
}

/** The backends for which a twin can stand, and the mode that it then runs in; the others have native ops, or run references on a GPU. */
export const TWIN_MODES = { wasm: 'webasm', cpu: 'cpu' } as const satisfies Record<string, TwinMode>;

/** The gpu.js sibling of a kernel row with one result. */
export interface GpuTwin {
  /** The name of the row. */
  readonly row: string;
  /** The backends on which it was measured to be quicker than the reference: there it runs instead. */
  readonly quickerOn: readonly (keyof typeof TWIN_MODES)[];
  readonly call: (inputs: Readonly<Record<string, HostTensor>>, attributes: Readonly<Record<string, number>>) => TwinCall;
}

/** Compiled twins that are kept, the last used: a model has about so many shapes of matrices, and each holds the memory of its inputs and output. */
const KEPT = 8;

interface Loaded {
  readonly make: (mode: TwinMode, call: TwinCall) => IKernelRunShortcut;
  readonly compiled: Map<string, IKernelRunShortcut>;
}

// One for the process, made when the first twin runs.
const LOADED = Symbol.for('@chop/kernels/gpu-twins');

/** The numbers that a twin computes, in any mode; a promise of them in `webgpu`. */
export function twinValues(mode: TwinMode, call: TwinCall): Float32Array | Promise<Float32Array> {
  const { make, compiled } = loaded();
  const sizes = call.inputs.map(({ length }) => length);
  const key = JSON.stringify([mode, String(call.thread), call.constants, sizes, call.shape]);
  const run = compiled.get(key) ?? make(mode, call);
  compiled.delete(key);
  compiled.set(key, run);
  for (const [oldest, kernel] of [...compiled].slice(0, -KEPT)) {
    compiled.delete(oldest);
    kernel.destroy();
  }
  return run(...(call.inputs as Float32Array[])) as unknown as Float32Array | Promise<Float32Array>;
}

/** Whether gpu.js is there: npm leaves it out where it was told to. */
export function hasGpuJs(): boolean {
  try {
    createRequire(import.meta.url).resolve('gpu.js');
    return true;
  } catch {
    return false;
  }
}

function loaded(): Loaded {
  const process = tf.engine() as { [LOADED]?: Loaded };
  return (process[LOADED] ??= load());
}

function load(): Loaded {
  const { GPU } = createRequire(import.meta.url)('gpu.js') as typeof import('gpu.js');
  const engines = new Map<TwinMode, InstanceType<typeof GPU>>();
  const engine = (mode: TwinMode): InstanceType<typeof GPU> => {
    if (!engines.has(mode)) engines.set(mode, new GPU({ mode }));
    return engines.get(mode)!;
  };
  const make: Loaded['make'] = (mode, { thread, constants, shape }) => {
    const output = [tf.util.sizeFromShape([...shape])];
    return engine(mode).createKernel(String(thread), { output, constants });
  };
  return { make, compiled: new Map() };
}
