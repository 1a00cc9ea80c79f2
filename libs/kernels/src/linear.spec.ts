import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { checkKernel, sampleData, type KernelCase } from './conformance.js';
import { linear } from './linear.js';

const backends = await startBackends();

function onRows(title: string, leading: number[], inputs: number, outputs: number, biased: boolean): KernelCase {
  const rows = leading.reduce((product, size) => product * size, 1);
  return {
    title,
    inputs: { x: sampleData([...leading, inputs], 1), weight: sampleData([outputs, inputs], 2), ...(biased ? { bias: sampleData([outputs], 3) } : {}) },
    run: ({ x, weight, bias }) => linear(x!, weight!, bias),
    oracle: ({ x, weight, bias }) =>
      Array.from({ length: rows * outputs }, (_, at) => {
        const [row, output] = [Math.floor(at / outputs), at % outputs];
        let sum = bias?.[output] ?? 0;
        for (let i = 0; i < inputs; i++) sum += x![row * inputs + i]! * weight![output * inputs + i]!;
        return sum;
      }),
    shape: [...leading, outputs],
    gradients: biased ? ['x', 'weight', 'bias'] : ['x', 'weight'],
  };
}

test.each(backends)('linear is x Wᵀ + b, with its gradients, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('linear', [
    onRows('a batch of tokens', [2, 3], 5, 7, false),
    onRows('with a bias', [3, 2], 4, 5, true),
    onRows('one feature in, one out', [1], 1, 1, true),
    onRows('a single vector', [], 9, 3, true),
  ]);
});

test('linear refuses a weight that reads another number of inputs', () => {
  expect(() => linear(tf.zeros([2, 3]), tf.zeros([4, 5]))).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE', name: 'ShapeError' }));
  expect(() => linear(tf.zeros([2, 5]), tf.zeros([4, 5]), tf.zeros([5]))).toThrow(/bias \[5\]/);
});
