// node packed.mjs packed|dense RUNS: one row of numbers through a 2:4 matrix of each shape of SmolLM2-135M, as often as the model has it.
import { keepNofM, linear, magnitude, packedLinear, packTwoOfFour, startEngine } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { SHAPES } from './flops.mjs';
import { tell } from './process.mjs';

const [form, runs] = [process.argv[2], Number(process.argv[3])];
await startEngine({ engine: 'tensorflow' });
const products = SHAPES.map(([out, inputs]) => {
  const weight = tf.tidy(() => {
    const whole = tf.randomNormal([out, inputs]);
    return tf.where(keepNofM(magnitude(whole), 2, 4), whole, tf.zerosLike(whole));
  });
  if (form === 'dense') return (x) => linear(x, weight);
  const packed = packTwoOfFour(weight);
  weight.dispose();
  return (x) => packedLinear(x, packed);
});
const rows = new Map(SHAPES.map(([, inputs]) => [inputs, tf.randomNormal([1, inputs])]));
await tell(runs, async () => {
  for (const [i, product] of products.entries()) product(rows.get(SHAPES[i][1])).dispose();
});
