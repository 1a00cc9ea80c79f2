import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import util from 'node:util';
import { runInThisContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs-core';
import { INSTALL_COMMAND, type Engine } from './engine.js';
import { bindingPackage, type InstalledEngine } from './installed.js';
import { enterKernels, loadAddon } from './native-kernels.js';
import type { NodeBackend } from './node-backend.js';
import { enterTensorflowOps } from './tensorflow-ops.js';

/** TensorFlow reads these once, when its library is loaded. */
const SETTINGS = {
  // Off by default on some AMD processors, where a vocabulary-wide product is 2.4 times slower without it.
  TF_ENABLE_ONEDNN_OPTS: '1',
  // Buffers are reused instead of returned to the system, which saves page faults on every large tensor.
  TF_CPU_ALLOCATOR_USE_BFC: '1',
  // Its messages are for TensorFlow's own developers; failures reach us as errors.
  TF_CPP_MIN_LOG_LEVEL: '3',
  // On a GPU a float32 product is one of float32: TensorFlow's default rounds its factors to 11 bits (TF32), and masks would depend on where they were made.
  NVIDIA_TF32_OVERRIDE: '0',
  // A GPU's memory is taken as it is needed, not all of it at the start: others compute and draw there too.
  TF_FORCE_GPU_ALLOW_GROWTH: 'true',
} as const;

/** Which variable says how many threads one operation may use. */
const THREADS_VARIABLE = 'TF_NUM_INTRAOP_THREADS';

/** Which one says how much memory tensors may take, in mebibytes. */
const MEMORY_VARIABLE = 'TF_CPU_BFC_MEM_LIMIT_IN_MB';
const MEBIBYTE = 2 ** 20;

/** What an engine may use; both are read once, when TensorFlow is loaded, and variables that the user set go before them. */
export interface EngineLimits {
  /** Of one operation: `TF_NUM_INTRAOP_THREADS`. */
  readonly threads?: number | undefined;
  /** Of all tensors in TensorFlow's own memory: `TF_CPU_BFC_MEM_LIMIT_IN_MB`. */
  readonly memoryLimitBytes?: number | undefined;
}

/**
 * Loads native TensorFlow into this process and makes it the backend of TensorFlow.js.
 *
 * @param installed - the engine to load.
 */
export async function startTensorflow(installed: InstalledEngine, limits: EngineLimits, reason: string): Promise<Engine> {
  prepareEnvironment(limits);
  provideRemovedUtilities();
  // Before the binding, which opens TensorFlow's memory: see loadAddon.
  const addon = await loadAddon(installed).catch((error: unknown) => String((error as Error).message ?? error));
  withBindingAt(installed.binding, () => void createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu'));
  await tf.setBackend('tensorflow');
  const backend = tf.backend() as NodeBackend;
  enterTensorflowOps();
  const native = typeof addon === 'object' ? enterKernels(addon) : undefined;
  const lack = typeof addon === 'string' ? `they do not load: ${addon.split('\n')[0]}` : 'they were not built';
  return {
    name: 'tensorflow',
    version: `TensorFlow ${backend.binding.TF_Version}`,
    threads: Number(nativeEnvironment()[THREADS_VARIABLE]) || availableParallelism(),
    device: backend.isUsingGpuDevice ? 'cuda' : 'cpu',
    reason: native ? reason : `${reason}, without native kernels (${lack}). Type \`${INSTALL_COMMAND}\` to get them.`,
    ...(native ? { native } : {}),
    memory: () => ({ bytesInUse: tf.memory().numBytes, peakBytes: native?.peakBytes() ?? process.resourceUsage().maxRSS * 1024 }),
  };
}

/** The environment that native code sees: under a test runner `process.env` may be a copy of it. */
function nativeEnvironment(): NodeJS.ProcessEnv {
  return (runInThisContext('process') as NodeJS.Process).env;
}

function prepareEnvironment({ threads, memoryLimitBytes }: EngineLimits): void {
  const environment = nativeEnvironment();
  const wanted: Record<string, string> = { ...SETTINGS };
  if (threads !== undefined) Object.assign(wanted, { [THREADS_VARIABLE]: String(threads), OMP_NUM_THREADS: String(threads) });
  if (memoryLimitBytes !== undefined) wanted[MEMORY_VARIABLE] = String(Math.max(1, Math.floor(memoryLimitBytes / MEBIBYTE)));
  for (const [name, value] of Object.entries(wanted)) environment[name] ??= value;
  // The binding puts tensors on one GPU; were others seen, TensorFlow might run an op there on copies, and write in place into those.
  environment['CUDA_VISIBLE_DEVICES'] = environment['CUDA_VISIBLE_DEVICES']?.split(',')[0] ?? '0';
}

/** The package calls two helpers that Node.js 23 removed, and that Node.js 22 warns about on standard error. */
function provideRemovedUtilities(): void {
  const mutable = util as unknown as Record<string, unknown>;
  mutable['isNullOrUndefined'] = (value: unknown) => value === null || value === undefined;
  mutable['isArray'] = Array.isArray;
}

interface Finder {
  find(packageFile: string, options?: unknown): string;
}

/**
 * The package asks `find` of node-pre-gyp where its binding is: while it is loaded, the answer for it is `binding`.
 * (What that package exports reads the function from this inner module at every call.)
 */
function withBindingAt(binding: string, load: () => void): void {
  const { folder } = bindingPackage();
  const finder = createRequire(join(folder, 'package.json'))('@mapbox/node-pre-gyp/lib/pre-binding.js') as Finder;
  const find = finder.find;
  finder.find = (packageFile, options) => (dirname(packageFile) === folder ? binding : find(packageFile, options));
  try {
    load();
  } finally {
    finder.find = find;
  }
}
