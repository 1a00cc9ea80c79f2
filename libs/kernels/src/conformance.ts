import { PluginError } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';

/** One input of a case, row-major; float32 unless said otherwise. */
export interface KernelData {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  readonly dtype?: 'float32' | 'int32';
}

/** What a kernel is tried on, and an independent definition of what it must give. */
export interface KernelCase {
  readonly title: string;
  readonly inputs: Readonly<Record<string, KernelData>>;
  readonly run: (inputs: Readonly<Record<string, tf.Tensor>>) => tf.Tensor;
  /** The definition in float64, as plain loops over numbers. */
  readonly oracle: (inputs: Readonly<Record<string, readonly number[]>>) => readonly number[];
  /** The shape of the result. */
  readonly shape: readonly number[];
  /** Inputs whose gradient is compared with finite differences of the oracle. Default: none. */
  readonly gradients?: readonly string[];
  /** Largest difference, as a share of the largest expected value. Default `TOLERANCE`. */
  readonly tolerance?: number;
}

/** float32 sums of a few hundred terms differ from float64 by less, on every engine. */
const TOLERANCE = 2e-5;

/** Step of the central differences: in float64 they are good to about 1e-9. */
const STEP = 1e-5;

/** Below this the largest expected value counts as this: a result that should be 0 may be a rounding error. */
const SMALLEST_SCALE = 1e-2;

/**
 * Tries a kernel on the current TensorFlow.js backend: result, shape, gradients, inputs left as they were, no tensor
 * left behind.
 *
 * @throws {@link PluginError} `KERNEL_CONFORMANCE` with the kernel, the case and the worst element.
 */
export function checkKernel(kernel: string, cases: readonly KernelCase[]): void {
  for (const one of cases) {
    const where = `${kernel}, ${one.title}, on ${tf.getBackend()}`;
    const before = tf.memory().numTensors;
    const inputs = Object.fromEntries(
      Object.entries(one.inputs).map(([name, { values, shape, dtype }]) => [name, tf.tensor([...values], [...shape], dtype ?? 'float32')]),
    );
    const exact = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, Array.from(tensor.dataSync())]));
    const result = one.run(inputs);
    if (result.shape.join() !== one.shape.join()) fail(`${where}: shape [${result.shape}]`, `[${one.shape}]`);
    compare(where, Array.from(result.dataSync()), one.oracle(exact), one.tolerance ?? TOLERANCE);
    result.dispose();
    for (const name of one.gradients ?? []) checkGradient(`${where}: gradient of ${name}`, one, inputs, exact, name);
    for (const [name, tensor] of Object.entries(inputs)) compare(`${where}: ${name} afterwards`, Array.from(tensor.dataSync()), exact[name]!, 0);
    tf.dispose(inputs);
    if (tf.memory().numTensors !== before) fail(`${where}: ${tf.memory().numTensors - before} tensors left behind`, 'none');
  }
}

/** Deterministic numbers between −2 and 2 for a case. */
export function sampleData(shape: readonly number[], seed: number): KernelData {
  let state = (seed * 2654435761) >>> 0;
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, values: Array.from({ length: count }, () => (next() / 2 ** 32) * 4 - 2) };
}

/** Deterministic indices int32 `0 … limit − 1`. */
export function sampleIndices(shape: readonly number[], limit: number, seed: number): KernelData {
  const { values } = sampleData(shape, seed);
  return { shape, values: values.map((value) => Math.min(limit - 1, Math.floor(((value + 2) / 4) * limit))), dtype: 'int32' };
}

/** The gradient of Σ cotangent ∘ result, by the tape and by central differences of the oracle. */
function checkGradient(where: string, one: KernelCase, inputs: Record<string, tf.Tensor>, exact: Record<string, number[]>, name: string): void {
  const cotangent = sampleData(one.shape, 77);
  const gradient = tf.tidy(() => {
    const weights = tf.tensor([...cotangent.values], [...one.shape]);
    return tf.grad((x) => tf.sum(tf.mul(one.run({ ...inputs, [name]: x }), weights)))(inputs[name]!);
  });
  const weighted = (values: readonly number[]): number => values.reduce((sum, value, i) => sum + value * cotangent.values[i]!, 0);
  const at = exact[name]!;
  const expected = at.map((value, i) => {
    const shifted = (by: number): number => weighted(one.oracle({ ...exact, [name]: at.with(i, value + by) }));
    return (shifted(STEP) - shifted(-STEP)) / (2 * STEP);
  });
  compare(where, Array.from(gradient.dataSync()), expected, one.tolerance ?? TOLERANCE);
  gradient.dispose();
}

function compare(where: string, found: readonly number[], expected: readonly number[], tolerance: number): void {
  if (found.length !== expected.length) fail(`${where}: ${found.length} values`, `${expected.length}`);
  const allowed = tolerance * expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), SMALLEST_SCALE);
  found.forEach((value, i) => {
    // Written so that NaN fails.
    if (!(Math.abs(value - expected[i]!) <= allowed)) fail(`${where}: element ${i} is ${value}`, `${expected[i]} ± ${allowed.toExponential(1)}`);
  });
}

function fail(found: string, expected: string): never {
  throw new PluginError('KERNEL_CONFORMANCE', { found, expected, remedy: 'Compare the kernel with its reference on this case.' });
}
