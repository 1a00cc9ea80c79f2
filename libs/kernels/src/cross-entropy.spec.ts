import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, sampleData, sampleIndices, type KernelCase } from './conformance.js';
import { crossEntropy, tokenLogProbabilities } from './cross-entropy.js';

const backends = await startBackends();

function logProbabilities(logits: readonly number[], targets: readonly number[]): number[] {
  const vocab = logits.length / targets.length;
  return targets.map(
    (target, row) => logits[row * vocab + target]! - Math.log(logits.slice(row * vocab, (row + 1) * vocab).reduce((sum, logit) => sum + Math.exp(logit), 0)),
  );
}

function perToken(title: string, n: number, vocab: number): KernelCase {
  return {
    title,
    inputs: { logits: sampleData([n, vocab], 31), targets: sampleIndices([n], vocab, 32) },
    run: ({ logits, targets }) => tokenLogProbabilities(logits!, targets!),
    oracle: ({ logits, targets }) => logProbabilities(logits!, targets!),
    shape: [n],
    gradients: ['logits'],
  };
}

function mean(title: string, n: number, vocab: number, weights?: number[]): KernelCase {
  return {
    title,
    inputs: {
      logits: sampleData([n, vocab], 33),
      targets: sampleIndices([n], vocab, 34),
      ...(weights === undefined ? {} : { weights: { shape: [n], values: weights } }),
    },
    run: ({ logits, targets, weights: given }) => crossEntropy(logits!, targets!, given),
    oracle: ({ logits, targets, weights: given = targets!.map(() => 1) }) => {
      const total = logProbabilities(logits!, targets!).reduce((sum, value, i) => sum + value * given[i]!, 0);
      return [-total / given.reduce((sum, weight) => sum + weight, 0)];
    },
    shape: [],
    gradients: ['logits'],
  };
}

test.each(backends)('log probabilities of the targets, with their gradient, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('tokenLogProbabilities', [perToken('tokens', 5, 11), perToken('one token', 1, 3), perToken('a vocabulary of one', 2, 1)]);
});

test.each(backends)('cross entropy is the weighted mean, with its gradient, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('crossEntropy', [mean('every token', 5, 11), mean('one token', 1, 4), mean('two tokens left out, one half', 5, 7, [1, 0, 0.5, 0, 1])]);
});

test.each(backends)('logits in the thousands neither overflow nor give NaN, on %s', async (backend) => {
  const losses = await numbersOn(backend, () =>
    tokenLogProbabilities(
      tf.tensor2d([
        [5000, 4990],
        [-5000, -5000],
      ]),
      tf.tensor1d([0, 1], 'int32'),
    ),
  );
  expect(losses[0]).toBeCloseTo(-Math.log1p(Math.exp(-10)), 6);
  expect(losses[1]).toBeCloseTo(-Math.LN2, 6);
});

test('cross entropy refuses float targets, another count, and weights that do not fit', () => {
  const logits = tf.zeros([2, 3]);
  for (const targets of [tf.tensor1d([0, 1]), tf.tensor1d([0], 'int32')])
    expect(() => crossEntropy(logits, targets)).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
  expect(() => crossEntropy(logits, tf.tensor1d([0, 1], 'int32'), tf.ones([3]))).toThrow(/one weight per target/);
});
