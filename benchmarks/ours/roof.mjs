// The machine's two roofs: a large float32 product, TensorFlow's or chop's own, whichever is faster, and a copy of memory (bytes read and written).
import { linear, startEngine } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';

const { version, native, threads } = await startEngine();
const [m, k, n] = [1024, 1536, 4096];
const best = (runs, work) => Math.min(...Array.from({ length: runs }, () => timed(work)));
const timed = (work) => {
  const started = performance.now();
  work();
  return (performance.now() - started) / 1000;
};
const [a, b, weight] = [tf.randomNormal([m, k]), tf.randomNormal([k, n]), tf.randomNormal([n, k])];
const product = Math.min(
  best(15, () => tf.matMul(a, b).dispose()),
  best(15, () => linear(a, weight).dispose()),
);
// Large enough to miss every cache; `add` of one tensor and a scalar reads and writes as a copy does, on all threads.
const big = tf.zeros([64 << 20]);
const copy = best(9, () => tf.add(big, 0).dispose());
console.log(
  JSON.stringify({
    engine: `${version}, native kernels ${native?.level ?? 'absent'}, ${threads} threads`,
    productFlops: (2 * m * k * n) / product,
    copyBytes: (2 * 4 * big.size) / copy,
  }),
);
