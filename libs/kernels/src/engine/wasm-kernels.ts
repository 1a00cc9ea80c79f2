import * as tf from '@tensorflow/tfjs-core';
import type { WasmMemory } from './wasm-mended.js';

/**
 * Registers the kernels that a language model needs and the WebAssembly backend lacks: UnsortedSegmentSum (the gradient
 * of `gather`, so of every embedding) and Einsum.
 */
export function registerWasmKernels(): void {
  if (tf.getKernel('UnsortedSegmentSum', 'wasm') === undefined) {
    tf.registerKernel({ kernelName: 'UnsortedSegmentSum', backendName: 'wasm', kernelFunc: unsortedSegmentSum as unknown as tf.KernelFunc });
  }
  if (tf.getKernel('Einsum', 'wasm') === undefined) {
    tf.registerKernel({ kernelName: 'Einsum', backendName: 'wasm', kernelFunc: einsum as unknown as tf.KernelFunc });
  }
}

/** Sums the rows of `x` by segment: `x` `[...rows, ...inner]`, `segmentIds` int32 `[...rows]`; an id outside of the segments drops its row. */
function unsortedSegmentSum(call: {
  inputs: { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
  attrs: { numSegments: number };
  backend: WasmMemory;
}): tf.TensorInfo {
  const { x, segmentIds } = call.inputs;
  const { numSegments } = call.attrs;
  const inner = x.shape.slice(segmentIds.shape.length);
  const rows = tf.util.sizeFromShape(segmentIds.shape);
  const width = tf.util.sizeFromShape(inner);
  // The output first: making it may move the memory that the views look into.
  const output = call.backend.makeOutput([numSegments, ...inner], x.dtype);
  const sums = call.backend.typedArrayFromHeap(output).fill(0);
  const values = call.backend.typedArrayFromHeap(x);
  const ids = call.backend.typedArrayFromHeap(segmentIds);
  for (let row = 0; row < rows; row += 1) {
    const segment = ids[row] ?? -1;
    if (segment < 0 || segment >= numSegments) continue;
    for (let i = 0, from = row * width, to = segment * width; i < width; i += 1, from += 1, to += 1) {
      sums[to] = (sums[to] ?? 0) + (values[from] ?? 0);
    }
  }
  return output;
}

/** The sum of products over the axes that the output does not name, of one or two tensors, as one batched product. */
function einsum(call: { inputs: Record<string, tf.Tensor>; attrs: { equation: string } }): tf.Tensor {
  const [left = '', right = ''] = call.attrs.equation.replaceAll(/\s/g, '').split('->');
  const names = left.split(',');
  const tensors = Object.values(call.inputs);
  return tf.tidy(() => {
    const operands = names.map((axes, i) => diagonalFree(axes, tensors[i] as tf.Tensor));
    const [a, b] = operands.map((operand, i) => summed(operand, right + (operands[1 - i]?.axes ?? '')));
    if (a === undefined) throw new Error(`einsum of nothing: ${call.attrs.equation}`);
    return b === undefined ? permuted(a, right) : permuted(product(a, b, right), right);
  });
}

/** A tensor whose axes have names, one letter each. */
interface Named {
  readonly axes: string;
  readonly tensor: tf.Tensor;
}

function diagonalFree(axes: string, tensor: tf.Tensor): Named {
  if (new Set(axes).size === axes.length) return { axes, tensor };
  throw new Error(`einsum takes no repeated axis: ${axes}`);
}

/** Sums over the axes that nothing else names. */
function summed({ axes, tensor }: Named, needed: string): Named {
  const gone = [...axes].flatMap((axis, i) => (needed.includes(axis) ? [] : [i]));
  return gone.length === 0 ? { axes, tensor } : { axes: [...axes].filter((axis) => needed.includes(axis)).join(''), tensor: tf.sum(tensor, gone) };
}

function product(a: Named, b: Named, output: string): Named {
  const both = [...a.axes].filter((axis) => b.axes.includes(axis));
  const batch = both.filter((axis) => output.includes(axis)).join('');
  const inner = both.filter((axis) => !output.includes(axis)).join('');
  const [rows, columns] = [a, b].map(({ axes }) => [...axes].filter((axis) => !both.includes(axis)).join('')) as [string, string];
  const size = (axes: string) => [...axes].map((axis) => sizeOf(a, axis) ?? sizeOf(b, axis) ?? 1);
  const count = (axes: string) => size(axes).reduce((total, n) => total * n, 1);
  const flatA = tf.reshape(permuted(a, batch + rows + inner), [count(batch), count(rows), count(inner)]);
  const flatB = tf.reshape(permuted(b, batch + inner + columns), [count(batch), count(inner), count(columns)]);
  return { axes: batch + rows + columns, tensor: tf.reshape(tf.matMul(flatA, flatB), size(batch + rows + columns)) };
}

function sizeOf({ axes, tensor }: Named, axis: string): number | undefined {
  const at = axes.indexOf(axis);
  return at < 0 ? undefined : tensor.shape[at];
}

function permuted({ axes, tensor }: Named, order: string): tf.Tensor {
  return axes === order
    ? tensor
    : tf.transpose(
        tensor,
        [...order].map((axis) => axes.indexOf(axis)),
      );
}
