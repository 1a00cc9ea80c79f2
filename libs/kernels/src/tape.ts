import { ShapeError } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';

import { addKernel } from './residual.js';

/** One operation that ran while TensorFlow.js kept its tape. */
interface Taped {
  readonly kernelName: string;
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly outputs: readonly tf.Tensor[];
  /** Kept for the gradient. */
  readonly saved?: readonly tf.Tensor[];
  readonly gradient?: (dys: readonly (tf.Tensor | undefined)[]) => Readonly<Record<string, () => tf.Tensor>>;
}

/** What is used of TensorFlow.js's engine beyond its public face. */
interface TapingEngine {
  readonly state: { activeTape: Taped[] | null };
  startTape(): void;
  endTape(): void;
}

/**
 * The value of `compute`, and its gradients: `tf.grads`, except that memory comes back as the tape is walked from its end. What an operation
 * kept, the gradient that came into it, and the summands of a sum of gradients are freed as soon as they have been used, where
 * TensorFlow.js holds all of them until the last gradient is made.
 *
 * @param to - tensors or variables that `compute` reads.
 * @param dy - the gradient of the value; taken over and freed. Default: ones.
 * @returns the value, and the gradients in the order of `to`, `undefined` for what the value does not depend on. Owned by the caller.
 * @throws {@link ShapeError} `KERNEL_GRADIENT` where an operation on the way has no gradient.
 */
export function valueAndGradients<T extends tf.Tensor>(
  compute: () => T,
  to: readonly tf.Tensor[],
  dy?: tf.Tensor,
): { value: T; gradients: (tf.Tensor | undefined)[] } {
  const engine = tf.engine() as unknown as TapingEngine;
  let tape: Taped[] = [];
  engine.startTape();
  try {
    return tf.tidy(() => {
      const value = tf.tidy(compute);
      tape = taken(engine);
      return { value, gradients: walkBack(tape, value, to, dy ?? tf.onesLike(value)) as tf.Tensor[] };
    });
  } finally {
    for (const { saved } of [...tape, ...taken(engine)]) tf.dispose([...(saved ?? [])]);
  }
}

/** Ends the tape, where it runs, and takes it away. */
function taken(engine: TapingEngine): Taped[] {
  const tape = engine.state.activeTape;
  if (tape === null) return [];
  engine.endTape();
  engine.state.activeTape = null;
  return tape;
}

function walkBack(tape: readonly Taped[], value: tf.Tensor, to: readonly tf.Tensor[], dy: tf.Tensor): (tf.Tensor | undefined)[] {
  const reached = new Set(to.map(({ id }) => id));
  const onTheWay = tape.filter(({ inputs, outputs }) => {
    const depends = Object.values(inputs).some(({ id }) => reached.has(id));
    if (depends) for (const { id } of outputs) reached.add(id);
    return depends;
  });
  const gradients = new Map([[value.id, dy]]);
  for (const taped of onTheWay.reverse()) {
    const dys = taped.outputs.map(({ id }) => gradients.get(id));
    for (const { id } of taped.outputs) gradients.delete(id);
    if (dys.some((one) => one !== undefined)) for (const [id, part] of gradientsOf(taped, dys, reached)) add(gradients, id, part);
    tf.dispose([...dys.filter((one) => one !== undefined), ...(taped.saved ?? [])]);
  }
  return to.map(({ id }) => gradients.get(id));
}

/** The gradient of each input that is asked for, by the input's number; each a tensor of its own. */
function gradientsOf({ kernelName, inputs, gradient }: Taped, dys: readonly (tf.Tensor | undefined)[], reached: ReadonlySet<number>): [number, tf.Tensor][] {
  const asked = Object.entries(inputs).filter(([, { id }]) => reached.has(id));
  if (gradient === undefined)
    throw new ShapeError('KERNEL_GRADIENT', {
      kernel: kernelName,
      found: `${kernelName}, which has no gradient, between a weight and the loss`,
      expected: 'operations that can be differentiated',
    });
  const parts = tf.tidy(() => {
    const made = gradient(dys);
    const own = new Set<tf.Tensor | undefined>(dys);
    return asked.map(([name]) => {
      const part = tf.tidy(() => made[name]!());
      if (own.has(part)) return tf.clone(part);
      own.add(part);
      return part;
    });
  });
  return asked.map(([, { id }], index) => [id, parts[index]!]);
}

function add(gradients: Map<number, tf.Tensor>, id: number, part: tf.Tensor): void {
  const before = gradients.get(id);
  gradients.set(id, before === undefined ? part : addKernel({ x: before, delta: part }, {}));
  if (before !== undefined) tf.dispose([before, part]);
}
