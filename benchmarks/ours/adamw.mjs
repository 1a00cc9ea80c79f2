// node adamw.mjs WEIGHTS RUNS: one step of AdamW over so many weights.
import { adamw, startEngine } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { tell } from './process.mjs';

const [weights, runs] = process.argv.slice(2).map(Number);
await startEngine({ engine: 'tensorflow' });
const own = () => tf.variable(tf.tidy(() => tf.add(tf.zeros([weights]), 0)));
const [weight, m, v] = [own(), own(), own()];
const gradient = tf.ones([weights]);
let step = 0;
await tell(runs, async () => adamw(weight, gradient, { m, v }, { lr: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, decay: 0.1, step: ++step }));
