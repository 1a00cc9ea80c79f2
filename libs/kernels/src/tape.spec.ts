import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { reshape } from './reshape.js';
import { valueAndGradients } from './tape.js';

let backends: string[];
beforeAll(async () => void (backends = await startBackends()));

/** A loss with a sum of gradients, an operation of two outputs, and one that keeps what it was given. */
const loss = (a: tf.Tensor, b: tf.Tensor): tf.Scalar => {
  const [first, second] = tf.split(tf.mul(a, b), 2) as [tf.Tensor, tf.Tensor];
  return tf.sum(tf.add(tf.square(reshape(first, [1, 2])), tf.mul(reshape(second, [1, 2]), tf.exp(first))));
};

describe('the walk back along the tape', () => {
  test('gives the gradients of TensorFlow.js, and leaves nothing behind', async () => {
    for (const backend of backends) {
      await tf.setBackend(backend);
      const [a, b, c] = [tf.tensor1d([0.1, -0.4, 1, 2]), tf.tensor1d([3, 1, -1, 0.5]), tf.tensor1d([1])];
      const before = tf.memory().numTensors;
      const { value, gradients } = valueAndGradients(() => loss(a, b), [a, b, c]);
      expect(tf.memory().numTensors - before).toBe(3);
      const expected = tf.grads((x, y) => loss(x!, y!))([a, b]);
      expect(value.dataSync()).toEqual(loss(a, b).dataSync());
      expect(gradients[2]).toBeUndefined();
      for (const [index, gradient] of expected.entries()) expect(gradients[index]!.dataSync()).toEqual(gradient.dataSync());
    }
  });

  test('starts with the gradient that it is given', () => {
    const x = tf.tensor1d([1, 2]);
    const { gradients } = valueAndGradients(() => tf.square(x), [x], tf.tensor1d([10, 100]));
    expect([...gradients[0]!.dataSync()]).toEqual([20, 400]);
  });

  test('a gradient function that hands on what it got does not lose it', () => {
    const both = tf.customGrad((x, y) => ({ value: tf.add(x as tf.Tensor, y as tf.Tensor), gradFunc: (dy: tf.Tensor) => [dy, dy] }));
    const x = tf.tensor1d([1, 2]);
    const { gradients } = valueAndGradients(() => both(x, tf.mul(x, 3)), [x]);
    expect([...gradients[0]!.dataSync()]).toEqual([4, 4]);
  });

  test('an operation without a gradient is named, and the tape is put away', () => {
    const x = tf.tensor1d([1, 2]);
    const before = tf.memory().numTensors;
    expect(() => valueAndGradients(() => tf.cumprod(x), [x])).toThrow(expect.objectContaining({ code: 'KERNEL_GRADIENT' }));
    expect(() =>
      valueAndGradients(() => {
        tf.square(x);
        throw new Error('stop');
      }, [x]),
    ).toThrow('stop');
    expect(tf.memory().numTensors).toBe(before);
    expect([
      ...tf
        .grad((y) => tf.sum(y))(x)
        .dataSync(),
    ]).toEqual([1, 1]);
  });
});
