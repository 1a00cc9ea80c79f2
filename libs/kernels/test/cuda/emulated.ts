import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { type NativeOp, orderedInputs } from '../../src/engine/addon.js';
import { findCompiler, nodeApiHeaders, runCompiler } from '../../src/engine/compile.js';

/** The sources of the package, and what emulates a GPU. */
export const SOURCES = fileURLToPath(new URL('../../src/', import.meta.url));
const HERE = fileURLToPath(new URL('.', import.meta.url));

/** An array as the emulator takes and gives it. */
export interface EmulatedArray {
  readonly values: Float32Array | Int32Array | Uint8Array;
  readonly shape: readonly number[];
}

interface Request {
  readonly op: string;
  readonly inputs: readonly EmulatedArray[];
  readonly attributes: readonly (readonly [string, number])[];
  readonly outputs: readonly string[];
  readonly order: number;
}

/** The addon that emulator.cc makes. */
interface Emulator {
  readonly ops: readonly string[];
  readonly orders: number;
  run(request: Request): EmulatedArray[];
}

type Signature = Pick<NativeOp, 'inputs' | 'attributes'> & { readonly dtypes: readonly string[] };

/** The `.cu` files of the package. */
export async function cudaSources(): Promise<string[]> {
  return (await readdir(SOURCES)).filter((file) => file.endsWith('.cu')).sort();
}

/** Compiles the `.cu` files, and some with mistakes in them, for the emulation. */
export async function loadEmulator(): Promise<Emulator> {
  const compiler = findCompiler();
  const folder = await mkdtemp(join(tmpdir(), 'chop-cuda-'));
  const flags = ['-std=c++17', '-O1', '-fPIC', '-w', '-DCHOP_EMULATED', '-DCHOP_MOST_BLOCKS=3', '-DNAPI_VERSION=8'];
  const waiting = [...(await cudaSources()).map((file) => join(SOURCES, file)), ...['emulator.cc', 'threads.cc', 'faulty.cu'].map((file) => join(HERE, file))];
  const objects = waiting.map((file) => join(folder, `${basename(file)}.o`));
  const work = async (): Promise<void> => {
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop())
      await runCompiler(compiler, [...flags, `-I${nodeApiHeaders()}`, `-I${SOURCES}`, '-x', 'c++', '-c', file, '-o', join(folder, `${basename(file)}.o`)], {
        environment: process.env,
      });
  };
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, work));
    const addon = join(folder, 'emulator.node');
    await runCompiler(compiler, ['-shared', ...objects, '-o', addon], { environment: process.env });
    return createRequire(import.meta.url)(addon) as Emulator;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What the `.cc` files say of their ops: the same ops have siblings in the `.cu` files. */
async function signatures(): Promise<ReadonlyMap<string, Signature>> {
  const found = new Map<string, Signature>();
  for (const file of (await readdir(SOURCES)).filter((name) => name.endsWith('.cc'))) {
    const text = await readFile(join(SOURCES, file), 'utf8');
    for (const [, op, taken = '', made = '', attributes = ''] of text.matchAll(/const Op \w+\("(\w+)",\s+"([^"]*?)(?: -> ([^"]*))?",\s+"([^"]*)"/g)) {
      const named = (list: string): string[][] => list.split(', ').map((word) => word.split(': '));
      found.set(op!, {
        inputs: named(taken).map(([name, type]) => (type!.startsWith('N *') ? `${name}*` : name!)),
        attributes: attributes === '' ? [] : attributes.split(', '),
        dtypes: made === '' ? [] : named(made).map(([, type]) => type!),
      });
    }
  }
  return found;
}

/**
 * Enters the emulated ops in TensorFlow.js's registry for the backend `cpu`, where the rows find them.
 *
 * @returns the ops, and how often each was called since.
 */
export async function registerEmulated(emulator: Emulator): Promise<ReadonlyMap<string, number>> {
  const known = await signatures();
  const calls = new Map<string, number>();
  for (const op of emulator.ops.filter((name) => name.startsWith('Chop'))) {
    const signature = known.get(op);
    if (signature === undefined) throw new Error(`${op} has a .cu and no .cc`);
    calls.set(op, 0);
    const kernelFunc: tf.KernelFunc = ({ inputs, attrs = {}, backend }) => {
      calls.set(op, calls.get(op)! + 1);
      const { given } = orderedInputs<tf.TensorInfo>(
        { ...signature, name: op, outputs: signature.dtypes.length, devices: ['GPU'] },
        inputs as Record<string, tf.TensorInfo>,
      );
      const values = given.map(({ dataId, shape }) => ({ values: (backend as tf.KernelBackend).readSync(dataId) as Float32Array, shape }));
      const attributes = signature.attributes.map((name) => [name, attrs[name] as unknown as number] as const);
      const made = runInEveryOrder(emulator, { op, inputs: values, attributes, outputs: signature.dtypes });
      const tensors = made.map((array, index) => tf.tensor(array.values, [...array.shape], signature.dtypes[index] === 'bool' ? 'bool' : 'float32'));
      return tensors.length === 1 ? tensors[0]! : tensors;
    };
    if (tf.getKernel(op, 'cpu') !== undefined) tf.unregisterKernel(op, 'cpu'); // the twin in gpu.js
    tf.registerKernel({ kernelName: op, backendName: 'cpu', kernelFunc });
  }
  return calls;
}

/**
 * Runs an op with its threads in every order; what it writes in place is written into the arrays of `inputs`.
 *
 * @throws Error when an order gives other bits.
 */
export function runInEveryOrder(emulator: Emulator, request: Omit<Request, 'order'>): EmulatedArray[] {
  const copied = (): EmulatedArray[] => request.inputs.map(({ values, shape }) => ({ values: values.slice(), shape }));
  const runs = Array.from({ length: emulator.orders }, (_, order) => {
    const inputs = copied();
    return { inputs, outputs: emulator.run({ ...request, inputs, order }) };
  });
  const bits = ({ inputs, outputs }: (typeof runs)[number]): string =>
    [...inputs, ...outputs].map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64')).join();
  if (new Set(runs.map(bits)).size > 1) throw new Error(`${request.op} depends on which of its threads is first`);
  runs[0]!.inputs.forEach(({ values }, index) => request.inputs[index]!.values.set(values));
  return runs[0]!.outputs;
}
