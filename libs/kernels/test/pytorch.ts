import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import * as kernels from '../src/index.js';
import { valueAndGradients } from '../src/tape.js';

interface Told {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  /** bool: bytes of any value. */
  readonly dtype?: 'int32' | 'bool';
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
const CALLS: Readonly<Record<string, (inputs: Inputs, options: TorchCase['options']) => tf.Tensor | tf.Tensor[] | Promise<tf.Tensor>>> = {
  rmsNorm: ({ x, gain }, { eps }) => kernels.rmsNorm(x!, gain!, { eps: Number(eps) }),
  layerNorm: ({ x, gain, bias }, { eps }) => kernels.layerNorm(x!, gain!, { bias, eps: Number(eps) }),
  rope: ({ x }, { theta, inner, tokens }) => kernels.rope(x!, kernels.ropeTables({ positions: Number(tokens), inner: Number(inner), theta: Number(theta) })),
  attention: ({ q, k, v, segments }, { window }) =>
    kernels.attention(q!, k!, v!, { ...(window === undefined ? {} : { window: Number(window) }), ...(segments === undefined ? {} : { segments }) }),
  treeAttention: ({ q, k, v, parents }, { window }) =>
    kernels.treeAttention(q!, k!, v!, {
      parents: { values: parents!.dataSync<'int32'>() as Int32Array, tensor: parents! },
      ...(window === undefined ? {} : { window: Number(window) }),
    }),
  crossEntropy: ({ hidden, weight, targets, weights }) => kernels.crossEntropy(kernels.projection(hidden!, weight!), targets!, weights),
  tokenLogProbabilities: ({ hidden, weight, targets }) => kernels.tokenLogProbabilities(kernels.projection(hidden!, weight!), targets!),
  klDivergence: ({ hidden, weight, teacherHidden, teacherWeight }, { temperature }) =>
    kernels.klDivergence(kernels.projection(hidden!, weight!), kernels.projection(teacherHidden!, teacherWeight!), { temperature: Number(temperature) }),
  gelu: ({ x }, { approximate }) => kernels.gelu(x!, { approximate: approximate as 'none' }),
  geglu: ({ gate, up }, { approximate }) => kernels.geglu(gate!, up!, { approximate: approximate as 'none' }),
  swiglu: ({ gate, up }) => kernels.swiglu(gate!, up!),
  gatedLinear: ({ x, gate, up }) => kernels.gatedLinear(x!, gate!, up!),
  queryKeyValue: ({ x, q, k, v }, { inner }) => Object.values(kernels.queryKeyValue(x!, { q: q!, k: k!, v: v! }, Number(inner))),
  residual: ({ x, delta }) => kernels.residual(x!, delta!),
  embedding: ({ table, ids }) => kernels.embedding(table!, ids!),
  linear: ({ x, weight, bias }) => kernels.linear(x!, weight!, bias),
  globalNorm: (inputs) => kernels.globalNorm(Object.values(inputs)),
  adamw: (inputs) =>
    steps(inputs, ['m', 'v'], (weight, gradient, { m, v }, step) => kernels.adamw(weight, gradient, { m: m!, v: v! }, { ...STEP, eps: 1e-8, step })),
  lion: (inputs) => steps(inputs, ['m'], (weight, gradient, { m }) => kernels.lion(weight, gradient, { m: m! }, STEP)),
  magnitude: ({ weight }) => kernels.magnitude(weight!),
  columnSums: ({ scores }) => kernels.columnSums(scores!),
  rowSums: ({ scores }) => kernels.rowSums(scores!),
  wandaScore: ({ weight, norm }) => kernels.wandaScore(weight!, norm!),
  inputNorms: async ({ x }) => {
    const norms = kernels.inputNorms.create(x!.shape[1]!);
    await norms.add(x!);
    return norms.result();
  },
  keepNofM: ({ scores }, { n, m }) => tf.cast(kernels.keepNofM(scores!, Number(n), Number(m)), 'int32'),
  keepShare: ({ scores }, { share }) => tf.cast(kernels.keepShare(scores!, Number(share)), 'int32'),
  platon: ({ weight, first, second }) => {
    const [smooth, uncertain, sum] = [0, 1, 2].map(() => tf.variable(tf.zerosLike(weight!))) as [tf.Variable, tf.Variable, tf.Variable];
    for (const gradient of [first!, second!]) {
      sum.assign(tf.zerosLike(sum));
      kernels.addSensitivity(sum, weight!, gradient);
      kernels.platonUpdate({ smooth, uncertain }, sum, { beta1: 0.85, beta2: 0.95 });
    }
    const results = [kernels.platonScore({ smooth, uncertain }), tf.mul(smooth, 1), tf.mul(uncertain, 1)];
    tf.dispose([smooth, uncertain, sum]);
    return results;
  },
  zeroDropped: ({ weight, kept }) => {
    const variable = tf.variable(weight!);
    kernels.zeroDropped(variable, kept!);
    const result = tf.mul(variable, 1);
    variable.dispose();
    return result;
  },
  packBits: async ({ kept }) => tf.tensor1d([...(await kernels.packBits(kept!))], 'int32'),
  part: ({ x }, { from, size }) => kernels.part(x!, { from: Number(from), size: Number(size) }),
  join: ({ first, second }) => kernels.join(first!, second!),
  affine: ({ x }, { scale, shift }) => kernels.affine(x!, { scale: Number(scale), shift: Number(shift) }),
  positionEmbedding: ({ x, table }, { position }) => kernels.positionEmbedding(x!, table!, Number(position)),
  packedLinear: ({ x, values, positions, bias }) => kernels.packedLinear(x!, twoOfFour(values, positions), bias),
  packedGatedLinear: ({ x, gateValues, gatePositions, upValues, upPositions }) =>
    kernels.packedGatedLinear(x!, twoOfFour(gateValues, gatePositions), twoOfFour(upValues, upPositions)),
  keyValueCache: ({ k }) => {
    const cache = kernels.keyValueCache();
    const pieces = [2, 1, 4].map((tokens) => {
      const fresh = tf.slice(k!, [0, cache.length, 0, 0], [-1, tokens, -1, -1]) as tf.Tensor4D;
      const all = cache.append(0, fresh, fresh);
      cache.advance(tokens);
      return tf.slice(all.k, [0, 0, 0, 0], [-1, cache.length, -1, -1]);
    });
    cache.dispose();
    return pieces.at(-1)!;
  },
  dequantise: ({ blocks }, { type }) => kernels.dequantise(blocks!, type as kernels.BlockTypeName),
};

/**
 * Engines that a kernel is not run on: weights are packed only where the product with them is native, and WebGPU reads int32 as float32, which has
 * not the digits of a word of positions.
 */
export const NOT_ON: Readonly<Record<string, readonly string[]>> = { packedLinear: ['webgpu'], packedGatedLinear: ['webgpu'] };

const twoOfFour = (values: tf.Tensor | undefined, positions: tf.Tensor | undefined): kernels.TwoOfFour => ({
  values: values as tf.Tensor2D,
  positions: positions as tf.Tensor2D,
});

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
export function differences({ kernel, options, inputs, results, gradients }: TorchCase): Promise<{ results: number; gradients: number | undefined }> {
  return scoped(async () => {
    const given = Object.fromEntries(Object.entries(inputs).map(([name, told]) => [name, onEngine(told)]));
    const found = [await CALLS[kernel]!(given, options)].flat();
    const wanted = Object.keys(gradients);
    const made =
      wanted.length === 0
        ? []
        : valueAndGradients(
            () => weighted([CALLS[kernel]!(given, options) as tf.Tensor].flat()[0]!),
            wanted.map((name) => given[name]!),
          ).gradients;
    return {
      results: await largest(results.map((told, index) => distance(found[index]!, told))),
      gradients: wanted.length === 0 ? undefined : await largest(wanted.map((name, index) => distance(made[index]!, gradients[name]!))),
    };
  });
}

/** Inputs of a case in which one number that is none goes unnoticed by its results, on the current backend. */
export function unnoticed({ kernel, options, inputs, gradients }: TorchCase): string[] {
  return Object.keys(gradients).filter((name) =>
    tf.tidy(() => {
      // The last one: it is within every window.
      const poisoned = { ...inputs, [name]: { ...inputs[name]!, values: inputs[name]!.values.with(-1, NaN) } };
      const given = Object.fromEntries(Object.entries(poisoned).map(([key, told]) => [key, onEngine(told)]));
      return [CALLS[kernel]!(given, options) as tf.Tensor].flat().every((result) => !Array.from(result.dataSync()).some(Number.isNaN));
    }),
  );
}

/** What is made while `run` waits for a GPU is freed too. */
async function scoped<T>(run: () => Promise<T>): Promise<T> {
  tf.engine().startScope();
  try {
    return await run();
  } finally {
    tf.engine().endScope();
  }
}

const largest = async (distances: Promise<number>[]): Promise<number> => Math.max(...(await Promise.all(distances)));

function onEngine({ values, shape, dtype }: Told): tf.Tensor {
  return tf.tensor(dtype === 'bool' ? Uint8Array.from(values) : [...values], [...shape], dtype ?? 'float32');
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
async function distance(found: tf.Tensor, { shape, values }: Told): Promise<number> {
  if (found.shape.join() !== shape.join()) return Infinity;
  const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-2);
  const worst = Math.max(...Array.from(await found.data(), (value, index) => Math.abs(value - values[index]!)));
  return Number.isNaN(worst) ? Infinity : worst / scale;
}
