import * as tf from '@tensorflow/tfjs-core';
import { EngineError } from '@chop/core';
import { startCpu } from './cpu.js';
import { INSTALL_COMMAND, type Engine, type EngineName } from './engine.js';
import { registerGradients } from './gradients.js';
import { findEngine, type InstalledEngine } from './installed.js';
import { startTensorflow } from './tensorflow.js';
import { startWasm } from './wasm.js';
import { startWebgpu } from './webgpu.js';

/** What {@link startEngine} may be told. */
export interface EngineOptions {
  /** Left out: the fastest that is there. */
  readonly engine?: EngineName;
  /** Threads of one operation; left out, all processors that this process may use. */
  readonly threads?: number;
  /** Bytes that tensors of native TensorFlow may take; a tensor beyond is an error. Known before the engine is loaded, or not at all. */
  readonly memoryLimitBytes?: number;
}

// A process has one TensorFlow.js engine, whatever copies of this package it holds: what runs is noted on it.
const RUNNING = Symbol.for('@chop/kernels/engine');

/**
 * Starts the engine of this process; a second call gets the running one.
 *
 * @throws {@link EngineError} `ENGINE_MISSING` when `tensorflow` or `webgpu` was asked for and is not there, `ENGINE_BROKEN`
 * when what was asked for does not load, `ENGINE_RUNNING` when another engine runs already.
 */
export async function startEngine(options: EngineOptions = {}): Promise<Engine> {
  const process = tf.engine() as { [RUNNING]?: Promise<Engine> };
  const running = process[RUNNING];
  if (running !== undefined) return same(await running, options);
  const started = start(options);
  process[RUNNING] = started;
  try {
    return await started;
  } catch (error) {
    delete process[RUNNING];
    throw error;
  }
}

function same(running: Engine, { engine }: EngineOptions): Engine {
  if (engine === undefined || engine === running.name) return running;
  throw new EngineError('ENGINE_RUNNING', {
    found: `the engine ${running.name} running in this process`,
    expected: engine,
    remedy: 'A process computes on one engine: ask for it before anything else starts one.',
  });
}

async function start({ engine, threads, memoryLimitBytes }: EngineOptions): Promise<Engine> {
  registerGradients();
  if (engine === 'cpu') return startCpu('asked for');
  if (engine === 'wasm') return startWasm(threads, 'asked for').catch((error: unknown) => broken('wasm', error));
  if (engine === 'webgpu') return startWebgpu('asked for').catch((error: unknown) => broken('webgpu', error));
  const installed = await findEngine();
  if (installed === undefined) {
    if (engine === 'tensorflow') throw missing();
    return embedded(threads, 'native TensorFlow is not installed');
  }
  const reason = engine === undefined ? `found in ${installed.folder}` : `asked for, found in ${installed.folder}`;
  try {
    return await startTensorflow(installed, { threads, memoryLimitBytes }, reason);
  } catch (error) {
    if (engine === 'tensorflow') return broken('tensorflow', error, installed);
    return embedded(threads, `native TensorFlow in ${installed.folder} does not load (${firstLine(error)})`, ' --force');
  }
}

/** The engine that npm alone brings: WebAssembly, or plain JavaScript where that does not run. */
async function embedded(threads: number | undefined, why: string, flags = ''): Promise<Engine> {
  const remedy = `Type \`${INSTALL_COMMAND}${flags}\` to get the fast engine.`;
  try {
    return await startWasm(threads, `${why}. ${remedy}`);
  } catch (error) {
    return startCpu(`${why}, and WebAssembly does not start (${firstLine(error)}). ${remedy}`);
  }
}

function missing(): EngineError {
  return new EngineError('ENGINE_MISSING', {
    found: 'no native TensorFlow for this platform and these versions',
    remedy: `Type \`${INSTALL_COMMAND}\`, or use --engine wasm (slower).`,
  });
}

function broken(name: EngineName, error: unknown, installed?: InstalledEngine): never {
  if (error instanceof EngineError) throw error;
  throw new EngineError('ENGINE_BROKEN', {
    found: `the engine ${name} that does not load: ${firstLine(error)}`,
    ...(installed === undefined ? {} : { file: installed.folder }),
    remedy: name === 'tensorflow' ? `Type \`${INSTALL_COMMAND} --force\` to make it afresh.` : `Use --engine ${name === 'wasm' ? 'cpu' : 'wasm'}.`,
    cause: error,
  });
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String((error as { message?: unknown } | null)?.message ?? error)).split('\n')[0] ?? '';
}
