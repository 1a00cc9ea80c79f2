import { type Checkpoint, checkTokenIds, type Dtype, fromFloat32, readBytes, toFloat32, type Weight } from '@chop/core';
import { openGguf } from '@chop/formats';
import { projection } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { blocksOf, scalesOf, valuesOf } from './onnx-blocks.js';
import { BLOCK } from './onnx-graph.js';
import type { OpenModel } from './opened.js';
import { PRECISIONS, type OnnxDtype } from './save-onnx.js';
import type { Written } from './verify.js';

/** What weights are once they are stored; of the output layer, which may be stored once more beside an embedding that it is tied to, too. */
interface Stored {
  readonly weight: (values: Float32Array, weight: Pick<Weight, 'name' | 'linear' | 'shape'>) => Float32Array;
  readonly head?: (values: Float32Array, shape: readonly number[]) => Float32Array;
}

type Source = Pick<OpenModel, 'family' | 'blueprint'> & { readonly checkpoint: Checkpoint };

/** Logits `[tokens, vocab]` of one text by chop, on the weights as a file has them: floats rounded, blocks as they are read back. */
export async function logitsAsStored(opened: OpenModel, { path, format, dtype }: Written, ids: readonly number[], signal?: AbortSignal): Promise<Float32Array> {
  if (format === 'onnx') return logitsOf(opened, ids, inOnnx(dtype as OnnxDtype), signal);
  if (dtype === 'f32' || dtype === 'f16' || dtype === 'bf16')
    return logitsOf(opened, ids, { weight: (values, { shape }) => (shape.length < 2 ? values : through(dtype.toUpperCase() as Dtype, values)) }, signal);
  const raw = await openGguf(path);
  try {
    return await logitsOf({ ...opened, checkpoint: await opened.family.gguf!.translate(raw) }, ids, { weight: (values) => values }, signal);
  } finally {
    await raw.close();
  }
}

/** A graph's weights: those of products in blocks where rows are whole numbers of them, all others as floats. */
function inOnnx(dtype: OnnxDtype): Stored {
  const { float, ...precision } = PRECISIONS[dtype];
  const floats = (values: Float32Array): Float32Array => through(float === 'f32' ? 'F32' : 'F16', values);
  if (!('bits' in precision)) return { weight: floats };
  const { bits } = precision;
  const inBlocks = (values: Float32Array, shape: readonly number[]): Float32Array =>
    shape[1]! % BLOCK === 0 ? valuesOf(blocksOf(values, bits), floats(scalesOf(values, bits)), bits) : floats(values);
  return { weight: (values, { linear, shape }) => (linear ? inBlocks(values, shape) : floats(values)), head: inBlocks };
}

/**
 * Logits of weights that went through `stored`. All of them are on the engine meanwhile.
 *
 * @throws {@link DataError} `TOKEN_ID`
 */
export async function logitsOf({ family, blueprint, checkpoint }: Source, ids: readonly number[], stored: Stored, signal?: AbortSignal): Promise<Float32Array> {
  const model = family.model(blueprint);
  checkTokenIds(model, ids);
  try {
    for (const weight of blueprint.weights.values()) {
      signal?.throwIfAborted();
      model.put(weight.name, stored.weight(toFloat32(await readBytes(checkpoint, weight.name), checkpoint.tensors.get(weight.name)!.dtype), weight));
    }
    return tf.tidy(() => {
      const predicted = model.predict(tf.tensor2d([...ids], [1, ids.length], 'int32'));
      const { hidden, weight } = predicted;
      const head = stored.head?.(weight.dataSync() as Float32Array, weight.shape);
      return (head ? projection(hidden, tf.tensor(head, weight.shape)) : predicted).logits().dataSync().slice() as Float32Array;
    });
  } finally {
    model.drop();
  }
}

/** Values as a float type holds them. */
export function through(dtype: Dtype, values: Float32Array): Float32Array {
  return dtype === 'F32' ? values : toFloat32(fromFloat32(values, dtype), dtype);
}
