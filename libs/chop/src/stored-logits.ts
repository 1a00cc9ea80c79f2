import { type Checkpoint, checkTokenIds, type Dtype, readBytes, toFloat32, type Weight } from '@chop/core';
import { openGguf } from '@chop/formats';
import { projection } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { checkBlocks } from './check-blocks.js';
import type { ExpectedLogits } from './compare-logits.js';
import { blocksOf, scalesOf, valuesOf } from './onnx-blocks.js';
import { BLOCK } from './onnx-graph.js';
import type { OpenModel } from './opened.js';
import { type Rounding, roundingsOf, type RoundValues, through } from './rounded-inputs.js';
import { PRECISIONS, type OnnxDtype } from './save-onnx.js';
import type { Written } from './verify.js';

/** What weights are once they are stored; of the output layer, which may be stored once more beside an embedding that it is tied to, too. */
interface Stored {
  readonly weight: (values: Float32Array, weight: Pick<Weight, 'name' | 'linear' | 'shape'>) => Float32Array;
  readonly head?: (values: Float32Array, shape: readonly number[]) => Float32Array;
}

type Source = Pick<OpenModel, 'family' | 'blueprint'> & { readonly checkpoint: Checkpoint };

/**
 * Logits `[tokens, vocab]` of one text by chop, on the weights as a file has them: floats rounded, blocks as they are read back.
 *
 * @throws {@link OutputError} `EXPORT_DIFFERS` for blocks that do not hold what was written.
 */
export async function logitsAsStored(opened: OpenModel, written: Written, ids: readonly number[], signal?: AbortSignal): Promise<ExpectedLogits> {
  const { path, format, dtype, file } = written;
  const options = { signal, roundings: roundingsOf(written) };
  if (format === 'onnx') return logitsOf(opened, ids, inOnnx(dtype as OnnxDtype), options);
  if (dtype === 'f32' || dtype === 'f16' || dtype === 'bf16')
    return logitsOf(opened, ids, { weight: (values, { shape }) => (shape.length < 2 ? values : through(dtype.toUpperCase() as Dtype, values)) }, options);
  const raw = await openGguf(path);
  try {
    const checkpoint = await opened.family.gguf!.translate(raw);
    await checkBlocks(checkpoint, opened.checkpoint, { dtype, file, signal });
    return await logitsOf({ ...opened, checkpoint }, ids, { weight: (values) => values }, options);
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
export async function logitsOf(
  { family, blueprint, checkpoint }: Source,
  ids: readonly number[],
  stored: Stored,
  { signal, roundings = [] }: { readonly signal?: AbortSignal | undefined; readonly roundings?: readonly Rounding[] },
): Promise<ExpectedLogits> {
  const model = family.model(blueprint);
  checkTokenIds(model, ids);
  try {
    for (const weight of blueprint.weights.values()) {
      signal?.throwIfAborted();
      model.put(weight.name, stored.weight(toFloat32(await readBytes(checkpoint, weight.name), checkpoint.tensors.get(weight.name)!.dtype), weight));
    }
    const logits = (rounded?: Rounding): Float32Array => {
      // A scope looks for tensors in what it returns: in each of half a million numbers.
      const tensor = tf.tidy(() => {
        const { hidden, weight } = model.predict(tf.tensor2d([...ids], [1, ids.length], 'int32'), rounded ? { through: roundedBy(rounded) } : {});
        const head = stored.head ? tf.tensor(stored.head(weight.dataSync() as Float32Array, weight.shape), weight.shape) : weight;
        return projection(rounded ? roundedTensor(hidden, rounded.inputs) : hidden, head).logits();
      });
      const values = tensor.dataSync().slice() as Float32Array;
      tensor.dispose();
      return values;
    };
    return { values: logits(), rounded: roundings.map(logits) };
  } finally {
    model.drop();
  }
}

/** Tapped values rounded as they go on. */
function roundedBy({ inputs, between }: Rounding): (name: string, value: tf.Tensor) => tf.Tensor {
  return (name, value) => {
    const round = LINEAR_INPUT.test(name) ? inputs : between;
    return round ? roundedTensor(value, round) : value;
  };
}

/** What a matrix is multiplied by: `layers.3.q.input`, and not a layer's own input. */
const LINEAR_INPUT = /\.\w+\.\w+\.input$/;

function roundedTensor(value: tf.Tensor, round: RoundValues): tf.Tensor {
  return tf.tensor(round(value.dataSync() as Float32Array, value.shape.at(-1)!), value.shape);
}
