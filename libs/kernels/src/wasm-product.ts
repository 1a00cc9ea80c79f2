import * as tf from '@tensorflow/tfjs-core';

/** Multiplications in one product of a batch from which taking the batch apart pays for its copies: below, both ways take about as long. */
const WORTH_SLICING = 2 ** 23;

type Call = Parameters<tf.KernelFunc>[0];
type Kernel = (call: Call) => tf.TensorInfo;

/**
 * Makes the matrix products of the WebAssembly backend fast. It has a vectorised one (XNNPACK) for a single pair of
 * matrices as they lie; a transposed operand or a batch falls to a plain loop, 5 to 17 times slower, and with it every
 * linear layer, its weight's gradient and attention. Here these are brought to the fast one: operands transposed by a
 * copy, a batch taken apart. Called once, by whoever starts the backend.
 */
export function registerWasmProduct(): void {
  const config = tf.getKernel('BatchMatMul', 'wasm');
  const plain = config.kernelFunc as Kernel;
  tf.unregisterKernel('BatchMatMul', 'wasm');
  tf.registerKernel({ ...config, kernelFunc: (call) => product(call, plain) });
}

function product(call: Call, plain: Kernel): tf.TensorInfo {
  const { a, b } = call.inputs as { a: tf.Tensor; b: tf.Tensor };
  const { transposeA, transposeB } = call.attrs as { transposeA: boolean; transposeB: boolean };
  const batch = a.shape.slice(0, -2);
  const pairs = tf.util.sizeFromShape(batch);
  const asTheyLie = !transposeA && !transposeB;
  if (batch.join() !== b.shape.slice(0, -2).join() || a.size * b.size === 0 || (pairs === 1 && asTheyLie)) return plain(call);
  if (pairs > 1 && multiplications(a, b, transposeA) / pairs < WORTH_SLICING) return plain(call);
  return tf.tidy(() => {
    const lefts = matrices(a, pairs);
    const rights = matrices(b, pairs);
    const results = lefts.map((left, i) =>
      tf.tidy(() => tf.matMul(transposeA ? tf.transpose(left) : left, transposeB ? tf.transpose(rights[i]!) : rights[i]!)),
    );
    const shape = [...batch, ...results[0]!.shape];
    return tf.reshape(pairs === 1 ? results[0]! : tf.stack(results), shape);
  });
}

/** m · k · n over the whole batch. */
function multiplications(a: tf.Tensor, b: tf.Tensor, transposeA: boolean): number {
  const inner = a.shape.at(transposeA ? -2 : -1)!;
  return (a.size / inner) * (b.size / b.shape.slice(0, -2).reduce((product, size) => product * size, 1));
}

function matrices(x: tf.Tensor, pairs: number): tf.Tensor2D[] {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  if (pairs === 1) return [tf.reshape(x, [rows, columns])];
  return tf.unstack(tf.reshape(x, [pairs, rows, columns])) as tf.Tensor2D[];
}
