import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { hasNative } from '../test/alone.js';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, type KernelCase, sampleData, sampleIndices } from './conformance.js';
import { crossEntropy, tokenLogProbabilities } from './cross-entropy.js';
import { projection } from './projection.js';

const backends = await startBackends();

/** log softmax(hidden · weightᵀ)[target] of each row, in float64. */
function logProbabilities(hidden: readonly number[], weight: readonly number[], targets: readonly number[]): number[] {
  const width = hidden.length / targets.length;
  const vocab = weight.length / width;
  return targets.map((target, row) => {
    const logits = Array.from({ length: vocab }, (_, word) => {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += hidden[row * width + i]! * weight[word * width + i]!;
      return sum;
    });
    const peak = Math.max(...logits);
    return logits[target]! - peak - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - peak), 0));
  });
}

interface Sizes {
  n: number;
  width: number;
  vocab: number;
}

const inputs = ({ n, width, vocab }: Sizes): KernelCase['inputs'] => ({
  hidden: sampleData([n, width], 31),
  weight: sampleData([vocab, width], 32),
  targets: sampleIndices([n], vocab, 33),
});

const perToken = (title: string, sizes: Sizes): KernelCase => ({
  title,
  inputs: inputs(sizes),
  run: ({ hidden, weight, targets }) => tokenLogProbabilities(projection(hidden!, weight!), targets!),
  oracle: ({ hidden, weight, targets }) => logProbabilities(hidden!, weight!, targets!),
  shape: [sizes.n],
});

/** Targets after rows of choice: one after the first, none after the second, three after the last. */
const someRows: KernelCase = {
  title: 'several targets after a row, and none',
  inputs: {
    hidden: sampleData([3, 4], 31),
    weight: sampleData([11, 4], 32),
    targets: sampleIndices([4], 11, 33),
    rows: { shape: [4], values: [2, 0, 2, 2], dtype: 'int32' },
  },
  run: ({ hidden, weight, targets, rows }) => tokenLogProbabilities(projection(hidden!, weight!), targets!, rows!),
  oracle: ({ hidden, weight, targets, rows }) =>
    logProbabilities(
      rows!.flatMap((row) => hidden!.slice(row * 4, row * 4 + 4)),
      weight!,
      targets!,
    ),
  shape: [4],
};

const mean = (title: string, sizes: Sizes, weights?: number[]): KernelCase => ({
  title,
  inputs: { ...inputs(sizes), ...(weights === undefined ? {} : { weights: { shape: [sizes.n], values: weights } }) },
  run: ({ hidden, weight, targets, weights: given }) => crossEntropy(projection(hidden!, weight!), targets!, given),
  oracle: ({ hidden, weight, targets, weights: given = targets!.map(() => 1) }) => {
    const total = logProbabilities(hidden!, weight!, targets!).reduce((sum, value, i) => sum + value * given[i]!, 0);
    return [-total / given.reduce((sum, share) => sum + share, 0)];
  },
  shape: [],
  gradients: ['hidden', 'weight'],
});

test.each(backends)('log probabilities of the targets, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('tokenLogProbabilities', [
    perToken('tokens', { n: 5, width: 4, vocab: 11 }),
    perToken('one token, one feature', { n: 1, width: 1, vocab: 3 }),
    perToken('a vocabulary of one', { n: 2, width: 3, vocab: 1 }),
    perToken('more rows than one block of them', { n: 70, width: 3, vocab: 17 }),
    someRows,
  ]);
});

test.each(backends)('cross entropy is the weighted mean, with its gradients, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('crossEntropy', [
    mean('every token', { n: 5, width: 3, vocab: 11 }),
    mean('one token', { n: 1, width: 2, vocab: 4 }),
    mean('two tokens left out, one half', { n: 5, width: 4, vocab: 7 }, [1, 0, 0.5, 0, 1]),
  ]);
});

test.each(backends)('the gradient follows what the loss is multiplied by, on %s', async (backend) => {
  const at = (): [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D] => [tf.tensor2d([[1, -1]]), tf.tensor2d([[1, 2], [0, 1], [3, 1]]), tf.tensor1d([2], 'int32')]; // prettier-ignore
  const gradient = (factor: number): Promise<number[]> =>
    numbersOn(backend, () => {
      const [hidden, weight, targets] = at();
      return tf.grad((h) => tf.mul(crossEntropy(projection(h, weight), targets), factor))(hidden);
    });
  const [once, thrice] = [await gradient(1), await gradient(-3)];
  expect(Math.abs(once[0]!)).toBeGreaterThan(0.01);
  thrice.forEach((value, i) => expect(value).toBeCloseTo(-3 * once[i]!, 5));
});

test.each(backends)('logits in the thousands neither overflow nor give NaN, on %s', async (backend) => {
  const weight = [[5000, -5000], [4990, -5000]]; // prettier-ignore
  const losses = await numbersOn(
    backend,
    () =>
    tokenLogProbabilities(projection(tf.tensor2d([[1, 0], [0, 1]]), tf.tensor2d(weight)), tf.tensor1d([0, 1], 'int32')), // prettier-ignore
  );
  expect(losses[0]).toBeCloseTo(-Math.log1p(Math.exp(-10)), 6);
  expect(losses[1]).toBeCloseTo(-Math.LN2, 6);
});

test.each(backends.filter((backend) => backend !== 'wasm'))('a hidden state that is no number gives a loss that is none, on %s', async (backend) => {
  const [bad, good] = await numbersOn(backend, () =>
    tokenLogProbabilities(projection(tf.tensor2d([[Number.NaN], [1]]), tf.tensor2d([[1], [2]])), tf.tensor1d([0, 1], 'int32')),
  );
  expect(bad).toBeNaN();
  expect(good).toBeCloseTo(-Math.log1p(Math.exp(-1)), 6);
});

if (hasNative('TokenLogProbabilities'))
  test('a row is the same to the bit whatever rows are beside it, on the native engine', async () => {
    await tf.setBackend('tensorflow');
    const [n, width, vocab] = [400, 37, 301];
    const [hidden, weight] = [tf.randomNormal([n, width], 0, 1, 'float32', 1), tf.randomNormal([vocab, width], 0, 1, 'float32', 2)];
    const targets = tf.tensor1d(Int32Array.from({ length: n }, (_, i) => (i * 7) % vocab), 'int32'); // prettier-ignore
    const some = (count: number): Float32Array =>
      tf.tidy(() => tokenLogProbabilities(projection(tf.slice(hidden, 0, count), weight), tf.slice(targets, 0, count)).dataSync() as Float32Array);
    const all = some(n);
    for (const count of [1, 2, 7, 33, 255, 257]) expect(some(count)).toEqual(all.slice(0, count));
  });

test('cross entropy refuses float targets, another count, and weights that do not fit', () => {
  const of = projection(tf.zeros([2, 4]), tf.zeros([3, 4]));
  for (const targets of [tf.tensor1d([0, 1]), tf.tensor1d([0], 'int32')])
    expect(() => crossEntropy(of, targets)).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
  expect(() => crossEntropy(of, tf.tensor1d([0, 1], 'int32'), tf.ones([3]))).toThrow(/one weight per target/);
  expect(() => crossEntropy(projection(tf.zeros([2, 4]), tf.zeros([3, 5])), tf.tensor1d([0, 1], 'int32'))).toThrow(/\[vocab, width\]/);
});
