import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { adamw } from '../adamw.js';
import { attention } from '../attention.js';
import { sampleData, sampleIndices, type KernelData } from '../conformance.js';
import { crossEntropy, tokenLogProbabilities } from '../cross-entropy.js';
import { embedding } from '../embedding.js';
import { geglu, gelu } from '../gelu.js';
import { globalNorm } from '../global-norm.js';
import { columnSums, rowSums } from '../importance.js';
import { klDivergence } from '../kl-divergence.js';
import { layerNorm } from '../layer-norm.js';
import { linear } from '../linear.js';
import { lion } from '../lion.js';
import { magnitude } from '../magnitude.js';
import { addSensitivity, platonScore, platonUpdate } from '../platon.js';
import { projection } from '../projection.js';
import { residual } from '../residual.js';
import { rmsNorm } from '../rms-norm.js';
import { ropeTables } from '../rope-tables.js';
import { rope } from '../rope.js';
import { keepNofM, keepShare } from '../select.js';
import { swiglu } from '../swiglu.js';
import { wandaScore } from '../wanda-score.js';
import { startCpu } from './cpu.js';
import { registerGradients } from './gradients.js';
import { startEngine } from './start.js';
import { findWebgpu, startWebgpu } from './webgpu.js';

/** Differences of float32 in another order, as a share of the largest value. */
const TOLERANCE = 2e-5;

interface Trial {
  readonly inputs: readonly KernelData[];
  readonly run: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** Whether gradients of the float32 inputs are compared too. */
  readonly differentiable?: boolean;
}

const sample = (...shape: number[]): KernelData => sampleData(shape, shape.length + shape[0]!);
const stepped = (step: (weight: tf.Variable, gradient: tf.Tensor, moments: Record<'m' | 'v', tf.Variable>) => void): Trial['run'] => {
  return (start, gradient) => {
    const [weight, m, v] = [tf.mul(start!, 1), tf.zerosLike(start!), tf.zerosLike(start!)].map((value) => tf.variable(value)) as [
      tf.Variable,
      tf.Variable,
      tf.Variable,
    ];
    step(weight, gradient!, { m, v });
    return tf.stack([weight, m, v]);
  };
};

const both = { differentiable: true };
const TRIALS: Readonly<Record<string, Trial>> = {
  linear: { inputs: [sample(2, 3, 7), sample(5, 7), sample(5)], run: (x, w, b) => linear(x!, w!, b), ...both },
  'linear of one row': { inputs: [sample(1, 65), sample(33, 65)], run: (x, w) => linear(x!, w!), ...both },
  rmsNorm: { inputs: [sample(3, 7), sample(7)], run: (x, gain) => rmsNorm(x!, gain!, { eps: 1e-5, live: 6 }), ...both },
  layerNorm: { inputs: [sample(3, 7), sample(7), sampleData([7], 3)], run: (x, gain, bias) => layerNorm(x!, gain!, { bias, eps: 1e-5 }), ...both },
  rope: { inputs: [sample(1, 3, 2, 4)], run: (x) => rope(x!, ropeTables({ positions: 3, inner: 4, theta: 1e4 })), ...both },
  attention: { inputs: [sample(2, 5, 6, 3), sample(2, 5, 2, 3), sampleData([2, 5, 2, 3], 8)], run: (q, k, v) => attention(q!, k!, v!, { window: 3 }), ...both },
  'attention of one head over a cache': {
    inputs: [sample(1, 1, 1, 3), sample(1, 7, 1, 3), sample(1, 7, 1, 3)],
    run: (q, k, v) => attention(q!, k!, v!),
    ...both,
  },
  swiglu: { inputs: [sample(3, 5), sampleData([3, 5], 4)], run: (gate, up) => swiglu(gate!, up!), ...both },
  gelu: { inputs: [sample(3, 5)], run: (x) => gelu(x!, { approximate: 'tanh' }), ...both },
  geglu: { inputs: [sample(3, 5), sampleData([3, 5], 4)], run: (gate, up) => geglu(gate!, up!, { approximate: 'none' }), ...both },
  residual: { inputs: [sample(3, 5), sampleData([3, 5], 4)], run: (x, delta) => residual(x!, delta!), ...both },
  embedding: { inputs: [sample(5, 3), sampleIndices([2, 4], 5, 1)], run: (table, ids) => embedding(table!, ids!), ...both },
  crossEntropy: {
    inputs: [sample(6, 5), sample(11, 5), sampleIndices([6], 11, 2)],
    run: (hidden, weight, targets) => crossEntropy(projection(hidden!, weight!), targets!),
    ...both,
  },
  tokenLogProbabilities: {
    inputs: [sample(6, 5), sample(11, 5), sampleIndices([6], 11, 2)],
    run: (hidden, weight, targets) => tokenLogProbabilities(projection(hidden!, weight!), targets!),
  },
  klDivergence: {
    inputs: [sample(6, 5), sample(11, 5)],
    run: (hidden, weight) => klDivergence(projection(hidden!, weight!), projection(tf.fill([6, 3], 0.5), tf.fill([11, 3], 0.25)), { temperature: 2 }),
    ...both,
  },
  adamw: {
    inputs: [sample(3, 5), sampleData([3, 5], 4)],
    run: stepped((weight, gradient, moments) => adamw(weight, gradient, moments, { lr: 0.1, beta1: 0.9, beta2: 0.95, eps: 1e-8, decay: 0.1, step: 1 })),
  },
  lion: {
    inputs: [sample(3, 5), sampleData([3, 5], 4)],
    run: stepped((weight, gradient, moments) => lion(weight, gradient, moments, { lr: 0.1, beta1: 0.9, beta2: 0.99, decay: 0.1 })),
  },
  platon: {
    inputs: [sample(3, 5), sampleData([3, 5], 4)],
    run: stepped((sum, gradient, { m: smooth, v: uncertain }) => {
      addSensitivity(sum, tf.mul(sum, -0.5), gradient);
      platonUpdate({ smooth, uncertain }, sum, { beta1: 0.85, beta2: 0.95 });
      sum.assign(platonScore({ smooth, uncertain }));
    }),
  },
  'globalNorm of many': { inputs: Array.from({ length: 23 }, (_, i) => sampleData([40, 30], i + 1)), run: (...all) => globalNorm(all) },
  globalNorm: { inputs: [sample(3, 5), sample(7)], run: (a, b) => globalNorm([a!, b!]) },
  wandaScore: { inputs: [sample(3, 5), sample(5)], run: (weight, norm) => wandaScore(weight!, norm!) },
  columnSums: { inputs: [sample(70, 5)], run: (scores) => columnSums(scores!) },
  rowSums: { inputs: [sample(5, 70)], run: (scores) => rowSums(scores!) },
  magnitude: { inputs: [sample(3, 5)], run: (weight) => magnitude(weight!) },
  keepNofM: { inputs: [sampleIndices([9, 32], 5, 3)], run: (scores) => tf.cast(keepNofM(tf.cast(scores!, 'float32'), 2, 4), 'float32') },
  keepShare: { inputs: [sampleIndices([9, 31], 5, 3)], run: (scores) => tf.cast(keepShare(tf.cast(scores!, 'float32'), 0.5), 'float32') },
};

/** The result and the gradients of Σ cotangent ∘ result, as numbers. */
async function numbersOf({ inputs, run, differentiable }: Trial, backend: string): Promise<number[][]> {
  await tf.setBackend(backend);
  const results = tf.tidy(() => {
    const tensors = inputs.map(({ values, shape, dtype }) => tf.tensor([...values], [...shape], dtype ?? 'float32'));
    const value = run(...tensors);
    if (!differentiable) return [value];
    const cotangent = sampleData(value.shape.length === 0 ? [1] : value.shape, 77);
    const floats = tensors.filter(({ dtype }) => dtype === 'float32');
    const loss = (...given: tf.Tensor[]): tf.Scalar => {
      const made = run(...given, ...tensors.slice(floats.length));
      return tf.sum(tf.mul(made, tf.tensor([...cotangent.values], made.shape)));
    };
    return [value, ...tf.grads(loss)(floats)];
  });
  const numbers: number[][] = [];
  for (const result of results) numbers.push(Array.from(await result.data()));
  tf.dispose(results);
  return numbers;
}

registerGradients();
if ((await findWebgpu()) === undefined) {
  test('webgpu without a GPU is an error which names another engine', async () => {
    await expect(startEngine({ engine: 'webgpu' })).rejects.toMatchObject({ exitCode: 3, facts: { remedy: expect.stringContaining('--engine wasm') } });
  });
} else {
  await startCpu('test');
  const engine = await startWebgpu('test');

  test('webgpu names the GPU that it runs on', () => {
    expect(engine).toMatchObject({ name: 'webgpu', device: 'gpu', reason: expect.stringMatching(/^test, on ./) });
  });

  for (const [name, trial] of Object.entries(TRIALS)) {
    test(`${name} on webgpu gives what it gives on cpu${trial.differentiable ? ', with its gradients' : ''}`, async () => {
      const [expected, found] = [await numbersOf(trial, 'cpu'), await numbersOf(trial, 'webgpu')];
      expect(found.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
      expected.forEach((values, which) => {
        const largest = Math.max(...values.map(Math.abs), 1e-2);
        const apart = values.map((value, i) => Math.abs(value - found[which]![i]!) / largest);
        // Written so that NaN fails.
        expect(apart.every((difference) => difference <= TOLERANCE) || Math.max(...apart)).toBe(true);
      });
    });
  }

  // The last of all: from then on nothing is read.
  test('what the GPU refuses is an error of the next reading', async () => {
    await tf.setBackend('webgpu');
    const { device } = tf.backend() as unknown as { device: { createShaderModule(program: { code: string }): void } };
    device.createShaderModule({ code: 'no program' });
    const sum = tf.add(tf.ones([2000]), 1);
    await expect(sum.data()).rejects.toMatchObject({ code: 'ENGINE_GPU', exitCode: 3, facts: { remedy: expect.stringContaining('--engine wasm') } });
  });
}
