import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { checkKernel, sampleData } from './conformance.js';
import { residual } from './residual.js';

const backends = await startBackends();

test.each(backends)('residual adds, and both gradients are the one that came in, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel(
    'residual',
    [[2, 3, 5], [1], []].map((shape) => ({
      title: `[${shape}]`,
      inputs: { x: sampleData(shape, 51), delta: sampleData(shape, 52) },
      run: ({ x, delta }) => residual(x!, delta!),
      oracle: ({ x, delta }) => x!.map((value, i) => value + delta![i]!),
      shape,
      gradients: ['x', 'delta'],
    })),
  );
});

test.each(backends)('a stream with several residuals gathers the gradient of each, on %s', async (backend) => {
  await tf.setBackend(backend);
  // x + 3 x = 4 x, and 4 x + (4 x)² has the slope 4 + 32 x.
  const stream = (x: tf.Tensor): tf.Tensor => {
    const once = residual(x, tf.mul(x, 3));
    return residual(once, tf.square(once));
  };
  const before = tf.memory().numTensors;
  tf.tidy(() =>
    expect(
      Array.from(
        tf
          .grad(stream)(tf.tensor1d([1, -2]))
          .dataSync(),
      ),
    ).toEqual([36, -60]),
  );
  expect(tf.memory().numTensors).toBe(before);
});

test('residual refuses to spread one shape over another', () => {
  expect(() => residual(tf.zeros([2, 3]), tf.zeros([3]))).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});
