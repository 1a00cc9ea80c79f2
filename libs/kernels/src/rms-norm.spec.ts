import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { checkKernel, sampleData, type KernelCase } from './conformance.js';
import { rmsNorm } from './rms-norm.js';

const backends = await startBackends();

function over(title: string, shape: number[], eps: number, live?: number): KernelCase {
  const n = shape.at(-1)!;
  return {
    title,
    inputs: { x: sampleData(shape, 5), gain: sampleData([n], 6) },
    run: ({ x, gain }) => rmsNorm(x!, gain!, live === undefined ? { eps } : { eps, live }),
    oracle: ({ x, gain }) =>
      x!.map((value, at) => {
        const row = x!.slice(at - (at % n), at - (at % n) + n);
        const meanSquare = row.reduce((sum, entry) => sum + entry * entry, 0) / (live ?? n);
        return (value / Math.sqrt(meanSquare + eps)) * gain![at % n]!;
      }),
    shape,
    gradients: ['x', 'gain'],
  };
}

test.each(backends)('rmsNorm divides by the root mean square, with its gradients, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('rmsNorm', [
    over('tokens', [2, 3, 7], 1e-5),
    over('one feature', [3, 1], 1e-2),
    over('a vector', [5], 1e-6),
    over('heads', [1, 2, 3, 4], 1e-5),
    over('live features only', [2, 6], 1e-5, 4),
  ]);
});

test('rmsNorm of a masked width with live features equals that of the sliced one', () => {
  const masked = rmsNorm(tf.tensor2d([[3, 0, -4, 0]]), tf.tensor1d([1, 5, 2, 5]), { eps: 1e-5, live: 2 });
  const sliced = rmsNorm(tf.tensor2d([[3, -4]]), tf.tensor1d([1, 2]), { eps: 1e-5 });
  expect(Array.from(tf.gather(masked, [0, 2], 1).dataSync())).toEqual(Array.from(sliced.dataSync()));
});

test('rmsNorm refuses a gain of another width and more live features than there are', () => {
  expect(() => rmsNorm(tf.zeros([2, 3]), tf.ones([2]), { eps: 1e-5 })).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
  expect(() => rmsNorm(tf.zeros([2, 3]), tf.ones([3]), { eps: 1e-5, live: 4 })).toThrow(/4 live features/);
});
