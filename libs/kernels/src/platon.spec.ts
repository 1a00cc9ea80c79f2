import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { platonScore, platonUpdate, sensitivity } from './platon.js';

const backends = await startBackends();

/** CHOP §3.2, eqs. 1 to 5, for one weight in float64. */
function scored(weight: number, gradients: readonly number[], beta1: number, beta2: number): number {
  let [smooth, uncertain] = [0, 0];
  for (const gradient of gradients) {
    const own = Math.abs(weight * gradient);
    smooth = beta1 * smooth + (1 - beta1) * own;
    uncertain = beta2 * uncertain + (1 - beta2) * Math.abs(own - smooth);
  }
  return smooth * uncertain;
}

test.each(backends)('PLATON scores follow equations 1 to 5 over three windows, on %s', async (backend) => {
  await tf.setBackend(backend);
  const weights = [0.5, -2, 0, 3];
  const gradients = [
    [1, 0.25, 4, -0.5],
    [-1, 0.5, 3, 0.1],
    [0.5, -0.75, 2, 0],
  ];
  const weight = tf.tensor2d(weights, [2, 2]);
  const state = { smooth: tf.variable(tf.zeros([2, 2])), uncertain: tf.variable(tf.zeros([2, 2])) };
  const before = tf.memory().numTensors;
  for (const gradient of gradients) tf.tidy(() => platonUpdate(state, sensitivity(weight, tf.tensor2d(gradient, [2, 2])), { beta1: 0.85, beta2: 0.95 }));
  expect(tf.memory().numTensors).toBe(before);
  const scores = Array.from(platonScore(state).dataSync());
  weights.forEach((value, i) =>
    expect(
      Math.abs(
        scores[i]! -
          scored(
            value,
            gradients.map((gradient) => gradient[i]!),
            0.85,
            0.95,
          ),
      ),
    ).toBeLessThan(1e-8),
  );
});
