import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import * as kernels from '../src/index.js';
import { valueAndGradients } from '../src/tape.js';

interface Told {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  readonly dtype?: 'int32';
}

/** What PyTorch says of one kernel (tools/reference/kernels.py). */
export interface TorchCase {
  readonly kernel: string;
  readonly title: string;
  readonly options: Readonly<Record<string, number | string>>;
  readonly inputs: Readonly<Record<string, Told>>;
  readonly results: readonly Told[];
  /** Of Σ results[0] ∘ cotangent, cotangent[i] = sin(i + 1); of a scalar itself. */
  readonly gradients: Readonly<Record<string, Told>>;
}

type Inputs = Readonly<Record<string, tf.Tensor>>;

/** Each kernel as the cases call it. */
const CALLS: Readonly<Record<string, (inputs: Inputs, options: TorchCase['options']) => tf.Tensor | tf.Tensor[]>> = {
  rmsNorm: ({ x, gain }, { eps }) => kernels.rmsNorm(x!, gain!, { eps: Number(eps) }),
  layerNorm: ({ x, gain, bias }, { eps }) => kernels.layerNorm(x!, gain!, { bias, eps: Number(eps) }),
  rope: ({ x }, { theta, inner, tokens }) => kernels.rope(x!, kernels.ropeTables({ positions: Number(tokens), inner: Number(inner), theta: Number(theta) })),
  attention: ({ q, k, v }, { window }) => kernels.attention(q!, k!, v!, window === undefined ? {} : { window: Number(window) }),
  crossEntropy: ({ hidden, weight, targets, weights }) => kernels.crossEntropy(kernels.projection(hidden!, weight!), targets!, weights),
  tokenLogProbabilities: ({ hidden, weight, targets }) => kernels.tokenLogProbabilities(kernels.projection(hidden!, weight!), targets!),
  klDivergence: ({ hidden, weight, teacherHidden, teacherWeight }, { temperature }) =>
    kernels.klDivergence(kernels.projection(hidden!, weight!), kernels.projection(teacherHidden!, teacherWeight!), { temperature: Number(temperature) }),
  gelu: ({ x }, { approximate }) => kernels.gelu(x!, { approximate: approximate as 'none' }),
  geglu: ({ gate, up }, { approximate }) => kernels.geglu(gate!, up!, { approximate: approximate as 'none' }),
  swiglu: ({ gate, up }) => kernels.swiglu(gate!, up!),
  residual: ({ x, delta }) => kernels.residual(x!, delta!),
  embedding: ({ table, ids }) => kernels.embedding(table!, ids!),
  linear: ({ x, weight, bias }) => kernels.linear(x!, weight!, bias),
  globalNorm: (inputs) => kernels.globalNorm(Object.values(inputs)),
  adamw: (inputs) =>
    steps(inputs, ['m', 'v'], (weight, gradient, { m, v }, step) => kernels.adamw(weight, gradient, { m: m!, v: v! }, { ...STEP, eps: 1e-8, step })),
  lion: (inputs) => steps(inputs, ['m'], (weight, gradient, { m }) => kernels.lion(weight, gradient, { m: m! }, STEP)),
};

const STEP = { lr: 0.1, beta1: 0.9, beta2: 0.95, decay: 0.1 };

/** Two steps of an optimiser: the weight and its moments afterwards. */
function steps(
  { weight, first, second }: Inputs,
  moments: readonly string[],
  step: (weight: tf.Variable, gradient: tf.Tensor, moments: Record<string, tf.Variable>, index: number) => void,
): tf.Tensor[] {
  const value = tf.variable(weight!);
  const state = Object.fromEntries(moments.map((name) => [name, tf.variable(tf.zerosLike(weight!))]));
  [first!, second!].forEach((gradient, index) => step(value, gradient, state, index + 1));
  const variables = [value, ...Object.values(state)];
  const results = variables.map((variable) => tf.mul(variable, 1));
  tf.dispose(variables);
  return results;
}

/** The cases, and the version of PyTorch that made them. */
export function torchCases(): { torch: string; cases: TorchCase[] } {
  return JSON.parse(readFileSync(new URL('reference/pytorch.json', import.meta.url), 'utf8')) as { torch: string; cases: TorchCase[] };
}

/** The largest difference from PyTorch on the current backend, of results and of gradients, as a share of the largest value that PyTorch has. */
export function differences({ kernel, options, inputs, results, gradients }: TorchCase): { results: number; gradients: number | undefined } {
  return tf.tidy(() => {
    const given = Object.fromEntries(Object.entries(inputs).map(([name, told]) => [name, onEngine(told)]));
    const call = (): tf.Tensor[] => [CALLS[kernel]!(given, options)].flat();
    const found = call();
    const wanted = Object.keys(gradients);
    const made =
      wanted.length === 0
        ? []
        : valueAndGradients(
            () => weighted(call()[0]!),
            wanted.map((name) => given[name]!),
          ).gradients;
    return {
      results: Math.max(...results.map((told, index) => distance(found[index]!, told))),
      gradients: wanted.length === 0 ? undefined : Math.max(...wanted.map((name, index) => distance(made[index]!, gradients[name]!))),
    };
  });
}

/** Inputs of a case in which one number that is none goes unnoticed by its results, on the current backend. */
export function unnoticed({ kernel, options, inputs, gradients }: TorchCase): string[] {
  return Object.keys(gradients).filter((name) =>
    tf.tidy(() => {
      const poisoned = { ...inputs, [name]: { ...inputs[name]!, values: inputs[name]!.values.with(0, NaN) } };
      const given = Object.fromEntries(Object.entries(poisoned).map(([key, told]) => [key, onEngine(told)]));
      return [CALLS[kernel]!(given, options)].flat().every((result) => !Array.from(result.dataSync()).some(Number.isNaN));
    }),
  );
}

function onEngine({ values, shape, dtype = 'float32' }: { values: readonly number[]; shape: readonly number[]; dtype?: 'int32' | 'float32' }): tf.Tensor {
  return tf.tensor([...values], [...shape], dtype);
}

function weighted(result: tf.Tensor): tf.Tensor {
  if (result.rank === 0) return result;
  return tf.sum(
    tf.mul(
      result,
      tf.tensor(
        Array.from({ length: result.size }, (_, i) => Math.sin(i + 1)),
        result.shape,
      ),
    ),
  );
}

/** Infinite where the shapes differ, or a number is none. */
function distance(found: tf.Tensor, { shape, values }: Told): number {
  if (found.shape.join() !== shape.join()) return Infinity;
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-2);
  const worst = Math.max(...Array.from(found.dataSync(), (value, index) => Math.abs(value - values[index]!)));
  return Number.isNaN(worst) ? Infinity : worst / largest;
}
