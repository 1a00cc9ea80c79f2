import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { sampleData } from '../src/conformance.js';
import {
  adamw,
  addSensitivity,
  crossEntropy,
  dequantise,
  embedding,
  keepNofM,
  keepShare,
  klDivergence,
  linear,
  lion,
  magnitude,
  packedGatedLinear,
  packedLinear,
  packTwoOfFour,
  platonScore,
  platonUpdate,
  positionEmbedding,
  projection,
  residual,
  rmsNorm,
  rowSums,
  tokenLogProbabilities,
  type TwoOfFour,
  wandaScore,
} from '../src/index.js';
import { changedAlone, hasNative } from './alone.js';
import { startBackends } from './backends.js';

let native: boolean;
beforeAll(async () => void (native = (await startBackends()).includes('tensorflow') && hasNative('Linear')));

const WIDTH = 37;
const sample = (shape: number[], seed: number): tf.Tensor => tf.tensor([...sampleData(shape, seed).values], shape);
const weights = (): tf.Tensor => sample([101, WIDTH], 4);

/** 2:4, of 36 inputs. */
function packed(seed: number): TwoOfFour {
  const weight = sample([WIDTH, 36], seed);
  return packTwoOfFour(tf.mul(weight, tf.cast(keepNofM(weight, 2, 4), 'float32')));
}

/** One number per row, as often as `changedAlone` looks at. */
const spread = (perRow: tf.Tensor): tf.Tensor => tf.tile(tf.reshape(perRow, [-1, 1]), [1, WIDTH]);
const ids = (rows: tf.Tensor2D): tf.Tensor1D => tf.cast(tf.mul(tf.abs(tf.squeeze(tf.slice(rows, [0, 0], [-1, 1]), [1])), 50), 'int32');
/** What rows weigh in a loss: their float32 sum is 1, however many there are. */
const shares = (rows: tf.Tensor2D): tf.Tensor => tf.tensor1d(Float32Array.from({ length: rows.shape[0] }, (_, row) => (row === 0 ? 1 : 2 ** -40)));

/** A weight after a step that writes into it and into its moments. */
function stepped(rows: tf.Tensor2D, step: (weight: tf.Variable, gradient: tf.Tensor, m: tf.Variable, v: tf.Variable) => void): tf.Tensor {
  const variables = [tf.mul(rows, 1), tf.zerosLike(rows), tf.zerosLike(rows)].map((value) => tf.variable(value)) as [tf.Variable, tf.Variable, tf.Variable];
  step(variables[0], tf.mul(rows, 0.3), variables[1], variables[2]);
  const result = tf.addN(variables);
  tf.dispose(variables);
  return result;
}

describe('a row is the same to the bit, alone or with 2047 others', () => {
  test.each<[string, (rows: tf.Tensor2D) => tf.Tensor]>([
    ['rmsNorm', (rows) => rmsNorm(rows, sample([WIDTH], 1), { eps: 1e-5 })],
    ['linear', (rows) => linear(rows, sample([WIDTH, WIDTH], 2), sample([WIDTH], 3))],
    ['tokenLogProbabilities', (rows) => spread(tokenLogProbabilities(projection(rows, weights()), ids(rows)))],
    // The losses themselves are sums over rows: of them each row's gradient.
    ['crossEntropy', (rows) => tf.grad((hidden) => crossEntropy(projection(hidden, weights()), ids(rows), shares(rows)))(rows)],
    [
      'klDivergence',
      (rows) => {
        const teacher = projection(tf.mul(rows, -0.5), sample([101, WIDTH], 5));
        return tf.grad((hidden) => klDivergence(projection(hidden, weights()), teacher, { temperature: 2, weights: shares(rows) }))(rows);
      },
    ],
    ['embedding', (rows) => embedding(weights(), ids(rows))],
    ['positionEmbedding', (rows) => positionEmbedding(tf.expandDims(rows, 1), weights(), 7)],
    ['packedLinear', (rows) => packedLinear(tf.slice(rows, [0, 0], [-1, 36]), packed(7), sample([WIDTH], 8))],
    ['packedGatedLinear', (rows) => packedGatedLinear(tf.slice(rows, [0, 0], [-1, 36]), packed(7), packed(9))],
    ['residual', (rows) => residual(rows, tf.mul(rows, -0.3))],
    ['magnitude', (rows) => magnitude(rows)],
    ['rowSums', (rows) => spread(rowSums(rows))],
    ['wandaScore', (rows) => wandaScore(rows, sample([WIDTH], 6))],
    ['keepNofM', (rows) => tf.cast(tf.pad(keepNofM(tf.slice(rows, [0, 0], [-1, 36]), 2, 4), [[0, 0], [0, 1]]), 'float32')], // prettier-ignore
    ['keepShare', (rows) => tf.cast(keepShare(rows, 0.3), 'float32')],
    // Blocks of 34 bytes that hold 0 or 1; of their 32 numbers each.
    [
      'dequantise',
      (rows) => {
        const blocks = tf.reshape(tf.greater(tf.slice(rows, [0, 0], [-1, 34]), 0), [-1]);
        return tf.pad(tf.reshape(dequantise(blocks, 'Q8_0'), [-1, 32]), [[0, 0], [0, WIDTH - 32]]); // prettier-ignore
      },
    ],
    ['adamw', (rows) => stepped(rows, (w, g, m, v) => adamw(w, g, { m, v }, { lr: 0.1, beta1: 0.9, beta2: 0.95, eps: 1e-8, decay: 0.1, step: 1 }))],
    ['lion', (rows) => stepped(rows, (w, g, m) => lion(w, g, { m }, { lr: 0.1, beta1: 0.9, beta2: 0.99, decay: 0.1 }))],
    [
      'platon',
      (rows) =>
        stepped(rows, (sum, g, smooth, uncertain) => {
          addSensitivity(sum, rows, g);
          platonUpdate({ smooth, uncertain }, sum, { beta1: 0.85, beta2: 0.95 });
          smooth.assign(platonScore({ smooth, uncertain }));
        }),
    ],
  ])('%s', async (_, compute) => {
    if (native) expect(await changedAlone(WIDTH, compute)).toEqual([]);
  });
});
