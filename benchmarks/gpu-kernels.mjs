/**
 * `node benchmarks/gpu-kernels.mjs`: each kernel for NVIDIA GPUs beside its definition, which TensorFlow's own kernels compute, and the rate at which it reads and
 * writes what it must. Engine `tensorflow` of the variant `cuda`, on a GPU; arrays are larger than its caches.
 */
import * as chop from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { median } from './measure.mjs';

const { device, version } = await chop.startEngine({ engine: 'tensorflow' });
if (device !== 'cuda') throw new Error('There is no GPU here, or the engine is not of the variant cuda: `chop engine install --cuda`.');

const [rows, width] = [16384, 2048];
const random = (...shape) => tf.randomNormal(shape);
const variable = (...shape) => tf.variable(random(...shape));
const [x, y, gain, square] = [random(rows, width), random(rows, width), random(width), random(8192, 4096)];
const [q, keys, values] = [random(4, 1024, 9, 64), random(4, 1024, 3, 64), random(4, 1024, 3, 64)];
const [one, manyKeys] = [random(1, 1, 9, 64), random(1, 8192, 3, 64)];
const heads = random(16, 1024, 32, 64);
const tables = chop.ropeTables({ positions: 1024, inner: 64, theta: 10000 });
const [weight, gradient, m, v] = [variable(square.size), random(square.size), variable(square.size), tf.variable(tf.square(random(square.size)))];
const hyper = { lr: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, decay: 0.1, step: 7 };
const column = tf.abs(random(4096));
const eps = 1e-5;

/** Name; ops of its row, forward and backward; what runs it, differentiated or not; how many elements it must read and write, where these bound it. */
const WORK = [
  ['rmsNorm', ['RmsNorm'], () => chop.rmsNorm(x, gain, { eps }), 2 * x.size],
  ['rmsNorm, gradient', ['RmsNorm', 'RmsNormGrad'], () => tf.grads((a, b) => chop.rmsNorm(a, b, { eps }))([x, gain], y.clone()), 5 * x.size],
  ['layerNorm', ['LayerNorm'], () => chop.layerNorm(x, gain, { bias: gain, eps }), 2 * x.size],
  [
    'layerNorm, gradient',
    ['LayerNorm', 'LayerNormGrad'],
    () => tf.grads((a, b) => chop.layerNorm(a, b, { bias: gain, eps }))([x, gain], y.clone()),
    5 * x.size,
  ],
  ['attention', ['Attention'], () => chop.attention(q, keys, values)],
  ['attention, one query', ['Attention'], () => chop.attention(one, manyKeys, manyKeys)],
  ['attention, gradient', ['Attention', 'AttentionGrad'], () => tf.grads((a, b, c) => chop.attention(a, b, c))([q, keys, values], q.clone())],
  ['rope', ['Rope'], () => chop.rope(heads, tables), 2 * heads.size],
  ['swiglu', ['Swiglu'], () => chop.swiglu(x, y), 3 * x.size],
  ['swiglu, gradient', ['Swiglu', 'SwigluGrad'], () => tf.grads(chop.swiglu)([x, y], x.clone()), 8 * x.size],
  ['gelu', ['Gelu'], () => chop.gelu(x, { approximate: 'none' }), 2 * x.size],
  ['residual', ['Add'], () => chop.residual(x, y), 3 * x.size],
  ['adamw', ['Adamw'], () => chop.adamw(weight, gradient, { m, v }, hyper), 7 * weight.size],
  ['lion', ['Lion'], () => chop.lion(weight, gradient, { m }, hyper), 5 * weight.size],
  ['globalNorm', ['GlobalNorm'], () => chop.globalNorm([gradient, x]), gradient.size + x.size],
  ['keepNofM 2:4', ['KeepNofM'], () => chop.keepNofM(square, 2, 4), 1.25 * square.size],
  ['keepShare 50 %', ['KeepLargest'], () => chop.keepShare(square, 0.5), 1.25 * square.size],
  ['wandaScore', ['WandaScore'], () => chop.wandaScore(square, column), 2 * square.size],
];

/** Median seconds of a call: the stream is waited for by reading one number that comes after. */
async function seconds(run, turns = 7, calls = 20) {
  const times = [];
  for (let turn = 0; turn <= turns; turn++) {
    const started = performance.now();
    for (let call = 0; call < calls; call++) tf.dispose(run());
    const end = tf.zeros([1]);
    await tf.add(end, 1).data();
    times.push((performance.now() - started) / 1000 / calls);
  }
  return median(times.slice(1));
}

console.log(`${version}\n\n| kernel | ms | definition, ms | times faster | TB/s |\n| --- | --- | --- | --- | --- |`);
for (const [name, ops, run, elements] of WORK) {
  const own = await secondsOrNone(name, run);
  const native = ops.map((op) => tf.getKernel(`Chop${op}`, 'tensorflow')).filter(Boolean);
  for (const { kernelName } of native) tf.unregisterKernel(kernelName, 'tensorflow');
  const plain = await secondsOrNone(name, run);
  native.forEach((kernel) => tf.registerKernel(kernel));
  const rate = elements === undefined ? '–' : ((4 * elements) / own / 1e12).toFixed(2);
  console.log(`| ${[name, (own * 1e3).toFixed(3), (plain * 1e3).toFixed(3), (plain / own).toFixed(1), native.length ? rate : 'not native'].join(' | ')} |`);
}

/** No number where the work fails, which is told. */
async function secondsOrNone(name, run) {
  try {
    return await seconds(run);
  } catch (error) {
    console.error(`${name}: ${error.message}`);
    process.exitCode = 1;
    return NaN;
  }
}
