import { ShapeError } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';

/** What a native op says when others hold the memory that it was to write into: a slice of all of a tensor, an array of JavaScript. */
const SHARED = 'CHOP_SHARED_MEMORY';

/** Named inputs of a kernel; an optional one may be undefined. */
export type KernelInputs = Readonly<Record<string, tf.Tensor | undefined>>;

/** What a row is made of: its name and its definition in plain TensorFlow.js. */
export interface KernelDefinition<I extends KernelInputs, A extends object, R extends tf.Tensor | tf.Tensor[]> {
  /** CamelCase; the row's siblings are registered with TensorFlow.js as `Chop${name}`. */
  readonly name: string;
  /** The definition: the fallback on every backend and the oracle of the siblings' tests. */
  readonly reference: (inputs: I, attributes: A) => R;
  /** Variables among the inputs that a sibling writes into in place. What shares their memory keeps its values: such a variable gets a copy first. */
  readonly writes?: readonly (keyof I & string)[];
  /** The input whose numbers the result is, under another shape. */
  readonly view?: keyof I & string;
}

/** A call of a row, as {@link hearCalls} tells it: what went in and what came out, in memory that may be freed since. */
export interface KernelCall {
  readonly kernel: KernelDefinition<KernelInputs, object, tf.Tensor | tf.Tensor[]>;
  readonly inputs: KernelInputs;
  readonly attributes: object;
  readonly results: readonly tf.Tensor[];
}

let heard: KernelCall[] | undefined;

/** Runs a function and tells which rows it called, in their order; what was computed without a row is not among them. */
export function hearCalls<T>(run: () => T): { readonly value: T; readonly calls: readonly KernelCall[] } {
  const before = heard;
  const calls: KernelCall[] = [];
  heard = calls;
  try {
    return { value: run(), calls };
  } finally {
    heard = before;
  }
}

/** A kernel row, callable: on the current backend the registered sibling, else the reference. */
export interface Kernel<I extends KernelInputs, A extends object, R extends tf.Tensor | tf.Tensor[]> extends KernelDefinition<I, A, R> {
  (inputs: I, attributes: A): R;
}

/**
 * Makes a kernel row. A sibling for one backend stands in TensorFlow.js's own registry under the name `Chop${name}`, with the same
 * input and attribute names: the native ones (`.cc`) are entered there when the engine starts. A row computes and is not
 * differentiated; {@link withGradient} joins a row with that of its gradient.
 *
 * @example
 * const double = defineKernel({ name: 'Double', reference: ({ x }: { x: tf.Tensor }) => tf.add(x, x) });
 * double({ x: tf.scalar(2) }, {});
 */
export function defineKernel<I extends KernelInputs, A extends object, R extends tf.Tensor | tf.Tensor[]>(
  definition: KernelDefinition<I, A, R>,
): Kernel<I, A, R> {
  const { reference, writes = [] } = definition;
  const registered = `Chop${definition.name}`;
  const compute = (inputs: I, attributes: A): R => {
    const backend = tf.getBackend();
    if (!backend || tf.getKernel(registered, backend) === undefined) return reference(inputs, attributes);
    const given = Object.entries(inputs).filter((entry): entry is [string, tf.Tensor] => entry[1] !== undefined);
    const call = (): R => tf.engine().runKernel(registered, Object.fromEntries(given), attributes as tf.NamedAttrMap) as R;
    const written = writes.map((name) => inputs[name] as tf.Variable);
    return written.length === 0 ? call() : inPlace(written, call);
  };
  const run = (inputs: I, attributes: A): R => {
    if (heard === undefined) return compute(inputs, attributes);
    const calls = heard;
    heard = undefined; // a reference may call rows in its turn
    const results = compute(inputs, attributes);
    heard = calls;
    calls.push({ kernel: definition as never, inputs, attributes, results: [results].flat() });
    return results;
  };
  Object.defineProperty(run, 'name', { value: definition.name });
  return Object.assign(run, { reference }) as unknown as Kernel<I, A, R>;
}

/** Calls what writes into variables, after it has given those a copy of their own whose memory others read too. */
function inPlace<R>(variables: readonly tf.Variable[], call: () => R): R {
  for (const variable of variables) if (tf.engine().backend.refCount(variable.dataId) > 1) own(variable);
  try {
    return call();
  } catch (error) {
    if (!(error instanceof Error && error.message.includes(SHARED))) throw error;
    variables.forEach(own);
    return call();
  }
}

/** New memory for a variable, of the engine's own. Times one, not plus zero: −0 stays −0. */
export function own(variable: tf.Variable): void {
  tf.tidy(() => variable.assign(tf.mul(variable, 1)));
}

/** What {@link withGradient} needs: the differentiable inputs, the tensors the backward pass reads, and both passes. */
export interface Differentiable<T extends tf.Tensor> {
  /** float32; `backward` returns one gradient for each, in this order. */
  readonly inputs: readonly tf.Tensor[];
  /** Kept, without a copy, until the backward pass of this function is over; handed to `backward` in this order. */
  readonly saved: readonly tf.Tensor[];
  /** The value, and what else the backward pass reads: handed to it after `saved`. */
  readonly forward: () => T | { readonly value: T; readonly saved: readonly tf.Tensor[] };
  readonly backward: (dy: T, saved: tf.Tensor[]) => tf.Tensor[];
}

/**
 * `tf.customGrad` with typed inputs. Whatever the two passes make on the way is freed when each ends; what was saved, and the gradient
 * that came in, are freed as soon as they have been used, so that the backward pass of a deep model gives back memory as it goes.
 * Where no gradient will be asked for, the forward pass is all that happens.
 */
export function withGradient<T extends tf.Tensor>({ inputs, saved, forward, backward }: Differentiable<T>): T {
  const made = (): { readonly value: T; readonly saved: readonly tf.Tensor[] } => {
    const result = forward();
    return result instanceof tf.Tensor ? { value: result, saved: [] } : result;
  };
  if (!gradientsWanted()) return tf.tidy(() => made().value);
  const operation = tf.customGrad((...args: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const { value, saved: more } = made();
    (args.at(-1) as tf.GradSaveFunc)([...saved, ...more]);
    const gradFunc = (dy: T, kept: tf.Tensor[]): tf.Tensor[] => {
      const gradients = tf.tidy(() => backward(dy, kept));
      tf.dispose([dy, ...kept]);
      return gradients;
    };
    return { value, gradFunc };
  });
  return operation(...inputs);
}

/** Whether a gradient of what is computed now will be asked for. */
export function gradientsWanted(): boolean {
  return (tf.engine() as unknown as { isTapeOn(): boolean }).isTapeOn();
}

/** @throws {@link ShapeError} `KERNEL_SHAPE` unless `holds`, with the kernel's name, what was found and what was expected. */
export function expectShape(kernel: string, holds: boolean, found: () => string, expected: string): asserts holds {
  if (!holds) throw new ShapeError('KERNEL_SHAPE', { kernel, found: `${kernel} of ${found()}`, expected });
}

/** `float32 [2, 3]`: how a tensor is named in an error. */
export function shapeOf(tensor: tf.Tensor): string {
  return `${tensor.dtype} [${tensor.shape.join(', ')}]`;
}

/** @throws {@link ShapeError} `KERNEL_SHAPE` unless all `others` have the shape of `tensor`. */
export function expectAlike(kernel: string, tensor: tf.Tensor, others: readonly tf.Tensor[]): void {
  for (const other of others) {
    expectShape(
      kernel,
      other.shape.join() === tensor.shape.join(),
      () => `${shapeOf(tensor)} and ${shapeOf(other)}`,
      'gradient, moments and mask of the shape of the weight',
    );
  }
}
