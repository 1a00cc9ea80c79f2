import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { EngineError } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';
import { runChild } from './child.js';
import type { Engine } from './engine.js';
import { mendWebgpuKernels } from './webgpu-mended.js';

/** What is used of Dawn in Node.js beyond the browser's own interface. */
interface Dawn {
  create(options: readonly string[]): Gpu;
  /** `GPUBuffer`, `GPUBufferUsage`, …, as a browser has them. */
  readonly globals: object;
}

interface Gpu {
  requestAdapter(options: { powerPreference: string }): Promise<{ readonly info: { readonly description: string } } | null>;
}

/** What is used of the backend beyond TensorFlow.js' own contract. */
interface WebgpuBackend {
  readonly bufferManager: { readonly numBytesAllocated: number };
  readonly device: { onuncapturederror: (event: { readonly error: { readonly message: string }; preventDefault(): void }) => void };
  read(dataId: object): Promise<tf.backend_util.BackendValues>;
}

/** The packages that this engine consists of; npm leaves them out where it was told to, or where they do not run. */
const PACKAGES = ['webgpu', '@tensorflow/tfjs-backend-webgpu'];

/** As the backend asks for one. */
const ADAPTER = { powerPreference: 'high-performance' };

/**
 * Makes a GPU the backend of TensorFlow.js, through WebGPU as Dawn has it. Values come back asynchronously only: `await tensor.data()`.
 *
 * @throws {@link EngineError} `ENGINE_MISSING` where a package or a GPU's driver is not there, `ENGINE_BROKEN` where the package does not load.
 */
export async function startWebgpu(reason: string): Promise<Engine> {
  const { create, globals } = (await optional(() => import('webgpu'))) as unknown as Dawn;
  const gpu = create([]);
  const adapter = await gpu.requestAdapter(ADAPTER);
  if (adapter === null) throw noAdapter();
  browserNames(gpu, globals);
  await optional(() => import('@tensorflow/tfjs-backend-webgpu'));
  if (!(await tf.setBackend('webgpu'))) throw new Error('the WebGPU backend does not start');
  const backend = tf.backend() as unknown as WebgpuBackend;
  mendWebgpuKernels();
  tellErrors(backend);
  return {
    name: 'webgpu',
    version: `TensorFlow.js ${tf.version_core}`,
    threads: 1,
    device: 'gpu',
    reason: `${reason}, on ${adapter.info.description}`,
    // Buffers are kept for reuse, so that what is allocated is the peak.
    memory: () => ({ bytesInUse: tf.memory().numBytes, peakBytes: backend.bufferManager.numBytesAllocated }),
  };
}

/** Prints the name of the GPU. */
const CHILD = `
const { create } = await import(process.argv[1]);
const adapter = await create([]).requestAdapter(${JSON.stringify(ADAPTER)});
console.log(adapter?.info.description ?? '');
`;

/** The GPU that this engine would run on, asked for in a process of its own; undefined where it cannot run. */
export async function findWebgpu(environment: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  try {
    const dawn = pathToFileURL(createRequire(import.meta.url).resolve('webgpu'));
    const { exitCode, output } = await runChild(process.execPath, ['--input-type=module', '-e', CHILD, dawn.href], { environment });
    return (exitCode === 0 && output.trim()) || undefined;
  } catch {
    return undefined;
  }
}

/** The backend was written for browsers: it looks for `navigator.gpu` and for WebGPU's constants among the global names. */
function browserNames(gpu: Gpu, globals: object): void {
  for (const [name, value] of Object.entries(globals)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  const known = (globalThis as { navigator?: object }).navigator ?? {};
  Object.defineProperty(known, 'gpu', { value: gpu, configurable: true });
  Object.defineProperty(globalThis, 'navigator', { value: known, configurable: true });
}

/** What a GPU refuses it skips, and the numbers are those that its memory held before: from then on they cannot be read. */
function tellErrors(backend: WebgpuBackend): void {
  let refused: string | undefined;
  backend.device.onuncapturederror = (event) => {
    event.preventDefault();
    refused ??= event.error.message;
  };
  const read = backend.read.bind(backend);
  backend.read = async (dataId) => {
    const values = await read(dataId);
    if (refused === undefined) return values;
    throw new EngineError('ENGINE_GPU', {
      found: `what the GPU refused: ${refused.split('\n')[0]}`,
      remedy: 'Use --engine wasm, or a smaller --batch-size or --window.',
    });
  };
}

async function optional<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    throw new EngineError('ENGINE_MISSING', {
      found: `no WebGPU for ${process.platform} ${process.arch}: its packages are not there`,
      expected: PACKAGES.join(' and '),
      remedy: 'Install again without `--omit=optional`, or use --engine wasm.',
      cause: error,
    });
  }
}

function noAdapter(): EngineError {
  return new EngineError('ENGINE_MISSING', {
    found: 'no GPU that WebGPU could use',
    expected: 'a driver for Vulkan, Metal or Direct3D 12',
    remedy: "Install the GPU's driver, or use --engine wasm. Without a GPU, SwiftShader computes on the processor, slowly: let VK_ICD_FILENAMES name its file.",
  });
}
