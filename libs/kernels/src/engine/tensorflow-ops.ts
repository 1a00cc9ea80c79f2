import * as tf from '@tensorflow/tfjs-core';
import type { BindingTensor, NodeBackend } from './node-backend.js';

/** TensorFlow's `DT_BFLOAT16`, which TensorFlow.js has no name for. */
const BFLOAT16 = 14;

/** Shapes whose tensors are kept; more are met only by what grows token by token. */
const MOST_SHAPES = 1024;

/** Enters in TensorFlow.js's registry what TensorFlow itself does in fewer calls than the package makes, or than a definition of TensorFlow.js's needs. */
export function enterTensorflowOps(): void {
  const backend = tf.backend() as NodeBackend;
  const entries = { Reshape: reshapeOf(backend), ChopNearestBfloat16: nearestBfloat16Of(backend) };
  for (const [kernelName, kernelFunc] of Object.entries(entries)) {
    if (tf.getKernel(kernelName, 'tensorflow') !== undefined) tf.unregisterKernel(kernelName, 'tensorflow');
    tf.registerKernel({ kernelName, backendName: 'tensorflow', kernelFunc });
  }
}

/** The package makes a tensor of the new shape for each call and frees it again: two calls more into the binding. Shapes are few, and theirs are kept. */
function reshapeOf(backend: NodeBackend): tf.KernelFunc {
  const { binding } = backend;
  const kept = new Map<string, tf.TensorInfo>();
  const shapeTensor = (shape: readonly number[]): tf.TensorInfo => {
    const key = shape.join();
    const known = kept.get(key);
    if (known !== undefined) return known;
    if (kept.size === MOST_SHAPES) {
      for (const { dataId } of kept.values()) backend.disposeData(dataId);
      kept.clear();
    }
    const sizes: [number] = [shape.length];
    const made: tf.TensorInfo = { dataId: backend.write(Int32Array.from(shape), sizes, 'int32'), shape: sizes, dtype: 'int32' };
    kept.set(key, made);
    return made;
  };
  const types = { float32: binding.TF_FLOAT, int32: binding.TF_INT32, bool: binding.TF_BOOL } as const;
  const package_ = tf.getKernel('Reshape', 'tensorflow').kernelFunc;
  return (call) => {
    const x = call.inputs['x'] as tf.TensorInfo;
    const type = types[x.dtype as keyof typeof types];
    if (type === undefined) return package_(call);
    const attributes = [
      { name: 'T', type: binding.TF_ATTR_TYPE, value: type },
      { name: 'Tshape', type: binding.TF_ATTR_TYPE, value: binding.TF_INT32 },
    ];
    return backend.executeSingleOutput('Reshape', attributes, [x, shapeTensor(call.attrs!['shape'] as unknown as number[])]);
  };
}

/** To bfloat16 and back, which TensorFlow rounds to the nearest, and of two equally near ones to the even one. */
function nearestBfloat16Of(backend: NodeBackend): tf.KernelFunc {
  const { binding } = backend;
  const cast = (id: number, from: number, to: number): BindingTensor => {
    const attributes = [
      { name: 'SrcT', type: binding.TF_ATTR_TYPE, value: from },
      { name: 'DstT', type: binding.TF_ATTR_TYPE, value: to },
    ];
    return binding.executeOp('Cast', attributes, [id], 1)[0]!;
  };
  return ({ inputs }) => {
    const [x] = backend.getInputTensorIds([inputs['x'] as tf.TensorInfo]);
    const { id } = cast(x!, binding.TF_FLOAT, BFLOAT16);
    try {
      return backend.createOutputTensor(cast(id, BFLOAT16, binding.TF_FLOAT));
    } finally {
      binding.deleteTensor(id);
    }
  };
}
