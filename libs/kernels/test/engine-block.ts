import * as tf from '@tensorflow/tfjs-core';

/** A decoder block with a tied head on fixed numbers: what it computes is known from PyTorch 2.9 (float32, autograd). */
export interface BlockResult {
  readonly loss: number;
  readonly embedding: readonly number[];
  readonly query: readonly number[];
  readonly down: readonly number[];
}

const TOKENS = 4;
const WIDTH = 6;
const VOCABULARY = 7;
const FFN = 9;
const HEADS = 2;

function filled(shape: readonly number[], seed: number): tf.Tensor2D {
  const values = Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, (_, i) => Math.fround(Math.sin(i * 1.7 + seed)) * 0.5);
  return tf.tensor2d(values, shape as [number, number]);
}

function rmsNorm(x: tf.Tensor): tf.Tensor {
  return tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-5)));
}

function project(x: tf.Tensor, weight: tf.Tensor): tf.Tensor {
  return tf.reshape(tf.matMul(tf.reshape(x, [2 * TOKENS, -1]), weight), [2, TOKENS, -1]);
}

function heads(x: tf.Tensor): tf.Tensor {
  return tf.transpose(tf.reshape(x, [2, TOKENS, HEADS, WIDTH / HEADS]), [0, 2, 1, 3]);
}

function blockLoss(weights: readonly tf.Tensor[]): tf.Scalar {
  const [embedding, query, key, value, gate, up, down] = weights as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const ids = tf.tensor2d([1, 3, 1, 6, 2, 2, 0, 5], [2, TOKENS], 'int32');
  const targets = tf.tensor1d([3, 1, 6, 0, 2, 0, 5, 4], 'int32');
  const x = tf.gather(embedding, ids);
  const h = rmsNorm(x);
  const scores = tf.div(tf.matMul(heads(project(h, query)), heads(project(h, key)), false, true), Math.sqrt(WIDTH / HEADS));
  const causal = tf.greaterEqual(tf.reshape(tf.range(0, TOKENS, 1, 'int32'), [TOKENS, 1]), tf.reshape(tf.range(0, TOKENS, 1, 'int32'), [1, TOKENS]));
  const attention = tf.softmax(tf.where(causal, scores, tf.fill(scores.shape, -1e30)));
  const mixed = tf.reshape(tf.transpose(tf.matMul(attention, heads(project(h, value))), [0, 2, 1, 3]), [2, TOKENS, WIDTH]);
  const afterAttention = tf.add(x, mixed);
  const g = rmsNorm(afterAttention);
  const gated = project(g, gate);
  const inner = tf.mul(tf.mul(gated, tf.sigmoid(gated)), project(g, up));
  const last = rmsNorm(tf.add(afterAttention, project(inner, down)));
  const logits = tf.matMul(tf.reshape(last, [2 * TOKENS, WIDTH]), embedding, false, true);
  const picked = tf.sum(tf.mul(tf.logSoftmax(logits), tf.oneHot(targets, VOCABULARY)), -1);
  return tf.neg(tf.mean(picked));
}

/** The loss of the block and the gradients of three of its weights, on the engine that runs. */
export function runBlock(): BlockResult {
  const shapes = [
    [VOCABULARY, WIDTH],
    [WIDTH, WIDTH],
    [WIDTH, WIDTH],
    [WIDTH, WIDTH],
    [WIDTH, FFN],
    [WIDTH, FFN],
    [FFN, WIDTH],
  ];
  const weights = shapes.map((shape, seed) => filled(shape, seed));
  const { value, grads } = tf.valueAndGrads((...each: tf.Tensor[]) => blockLoss(each))(weights);
  const [embedding, query, , , , , down] = grads.map((grad) => [...grad.dataSync()]);
  return { loss: value.dataSync()[0] ?? NaN, embedding: embedding ?? [], query: query ?? [], down: down ?? [] };
}

/** The largest distance between two results. */
export function distance(a: BlockResult, b: BlockResult): number {
  const flat = ({ loss, embedding, query, down }: BlockResult) => [loss, ...embedding, ...query, ...down];
  const other = flat(b);
  const differences = flat(a).map((x, i) => Math.abs(x - (other[i] ?? NaN)));
  return flat(a).length === other.length ? Math.max(...differences) : Infinity;
}

export const EXPECTED: BlockResult = {
  loss: 2.297342,
  embedding: [
    -0.260476, 0.055388, 0.232046, -0.371462, 0.290454, -0.010343, 0.510426, -0.27657, -0.368035, 0.755256, -0.468276, -0.132476, 0.19401, -0.138507, 0.004981,
    0.05288, -0.046444, 0.099036, -0.039504, 0.329154, -0.167976, -0.2058, 0.254814, 0.029948, -0.143474, -0.202765, 0.195724, 0.131804, -0.250269, -0.067312,
    -0.044732, -0.016969, -0.000282, -0.058477, 0.124207, -0.110064, 0.013536, -0.049093, 0.06145, 0.030424, -0.100463, 0.057717,
  ],
  query: [
    -0.015008, -0.003991, 0.016036, 0.002275, -0.029617, 0.005357, -0.047015, -0.009017, 0.049339, -0.010013, -0.08903, 0.032955, 0.027123, 0.006315, -0.02875,
    0.000305, 0.052559, -0.013849, 0.040026, 0.00739, -0.04193, 0.009934, 0.075487, -0.029386, -0.037437, -0.008219, 0.039555, -0.002865, -0.072011, 0.021422,
    -0.030378, -0.005272, 0.031737, -0.009196, -0.05693, 0.023866,
  ],
  down: [
    -0.005496, 0.001076, 0.005219, -0.003295, -0.005266, 0.004652, 0.002126, -0.001158, -0.001828, 0.001458, 0.001376, -0.001813, -0.002237, 0.000725, 0.00205,
    -0.001582, -0.001986, 0.002094, 0.000939, -0.002594, -0.00027, 0.002184, -0.000709, -0.002002, -0.002871, 0.002552, 0.002214, -0.003269, -0.001517, 0.00366,
    0.000611, -0.003893, 0.000392, 0.003127, -0.0018, -0.002663, -0.000914, 0.002639, 0.000234, -0.002607, 0.000552, 0.002464, -0.00285, -0.002054, 0.00338,
    0.000114, -0.004459, 0.001035, 0.000877, 0.002127, -0.001425, -0.001502, 0.002127, 0.000954,
  ],
};
