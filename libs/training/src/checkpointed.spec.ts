import { startEngine } from '@chop/kernels';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { batchOf, tinyModel } from '../test/tiny.js';
import { backward, type BackwardOptions } from './gradients.js';

beforeAll(async () => void (await startEngine()));

const batch = () => {
  const { ids, batchSize, window } = batchOf(4)(0);
  return {
    ids: tf.tensor2d(ids, [batchSize, window], 'int32'),
    segments: tf.tensor2d(
      ids.map((_, i) => (i % window < 3 ? 0 : 1)),
      [batchSize, window],
      'int32',
    ),
  };
};

/** The most bytes of tensors that were alive at once while `work` ran; buffers that several share count once. */
async function peakOf(work: () => Promise<void>): Promise<number> {
  const engine = tf.engine() as unknown as Record<'trackTensor' | 'disposeTensor', (tensor: tf.Tensor, ...rest: unknown[]) => void>;
  const { trackTensor, disposeTensor } = engine;
  let [bytes, peak] = [0, 0];
  engine.trackTensor = (tensor, ...rest) => {
    trackTensor.call(engine, tensor, ...rest);
    bytes += 4 * tensor.size;
    peak = Math.max(peak, bytes);
  };
  engine.disposeTensor = (tensor) => {
    const before = tf.memory().numTensors;
    disposeTensor.call(engine, tensor);
    bytes -= 4 * tensor.size * (before - tf.memory().numTensors);
  };
  try {
    await work();
  } finally {
    Object.assign(engine, { trackTensor, disposeTensor });
  }
  return peak;
}

test('layers that are computed again give the same gradients to the bit, with fewer activations in memory', async () => {
  const model = await tinyModel();
  const run = async (options: BackwardOptions) => {
    let numbers: Record<string, number[]> = {};
    const before = tf.memory().numTensors;
    const peak = await peakOf(async () => {
      const input = batch();
      const { gradients, terms } = await backward(model, input, options);
      numbers = { loss: [terms['lm']!], ...Object.fromEntries([...gradients].map(([name, gradient]) => [name, [...gradient.dataSync()]])) };
      tf.dispose([...gradients.values(), ...Object.values(input)]);
    });
    expect(tf.memory().numTensors).toBe(before);
    return { numbers, peak };
  };
  const [usual, again] = [await run({}), await run({ checkpointBlocks: true })];
  expect(again.numbers).toEqual(usual.numbers);
  expect(Object.keys(usual.numbers)).toHaveLength(model.names.length + 1);
  // Four layers, of which one at a time has its activations in memory.
  expect(again.peak).toBeLessThan(0.6 * usual.peak);
  model.drop();
});
