import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import * as tf from '@tensorflow/tfjs-core';
import { changedAlone, hasNative } from '../test/alone.js';
import { startEngines } from '../test/backends.js';
import { sampleData } from './conformance.js';
import { crossEntropy } from './cross-entropy.js';
import { klDivergence } from './kl-divergence.js';
import { linear, linearGradKernel, linearKernel } from './linear.js';
import { factorOf, hasBfloat16Products, withPrecision } from './precision.js';
import { projection } from './projection.js';

const engines = await startEngines();
const backends = engines.map(({ name }) => name);
let native: boolean;
beforeAll(() => void (native = backends.includes('tensorflow') && hasNative('Linear')));

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Round to nearest even, on the bits. */
function bfloat16(value: number): number {
  float[0] = value;
  if (Number.isNaN(value)) return NaN;
  bits[0] = (bits[0]! + 0x7fff + ((bits[0]! >>> 16) & 1)) & 0xffff0000;
  return float[0]!;
}

// Globals are slow to reach under jest, and this one is called millions of times.
const { fround } = Math;

/** Steps along k of one chain of the native product; that of tiles goes on to the end. */
const CHAIN = 1024;

/** Steps of a chain that tiles (AMX) sum apart, even and odd ones each by themselves, before both are added to it; else 1. */
const TILE = engines.some(({ native: kernels }) => kernels?.level.includes('amx')) ? 32 : 1;

/** `left · rightᵀ` of rounded factors, every element the chain that `native/product.h` describes; products of bfloat16 are exact, so that each addition rounds once. */
function chains(
  left: readonly number[],
  right: readonly number[],
  [m, n, k]: readonly [number, number, number],
  { turned = false, tile = TILE }: { turned?: boolean; tile?: number } = {},
): number[] {
  const [a, b] = [left.map(bfloat16), right.map(bfloat16)];
  const at = (row: number, step: number, rows: number): number => (turned ? step * rows + row : row * k + step);
  return Array.from({ length: m * n }, (_, i) => {
    const [row, column] = [Math.floor(i / n), i % n];
    let total: number | undefined;
    const length = tile === 1 ? CHAIN : k;
    for (let begin = 0; begin < k; begin += length) {
      let sum = 0;
      const end = Math.min(k, begin + length);
      for (let first = begin; first < end; first += tile) {
        if (tile === 1) {
          sum = fround(sum + a[at(row, first, m)]! * b[at(column, first, n)]!);
          continue;
        }
        const apart: [number, number] = [0, 0];
        for (let step = first; step < Math.min(end, first + tile); step++)
          apart[step % 2] = fround(apart[step % 2]! + a[at(row, step, m)]! * b[at(column, step, n)]!);
        sum = fround(sum + fround(apart[0] + apart[1]));
      }
      total = total === undefined ? sum : fround(total + sum);
    }
    return total!;
  });
}

const tensor = (values: readonly number[], shape: number[]): tf.Tensor => tf.tensor([...values], shape);
const numbers = (compute: () => tf.Tensor): number[] => tf.tidy(() => Array.from(compute().dataSync()));

describe.each(backends)('factors on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  test('are rounded to the nearest bfloat16, to the even one of two equally near', () => {
    // Ties between 1 and 1 + 2⁻⁷ and its neighbours; the last number below 2; one that rounds to the next power; large and small ones.
    const ties = [1 + 2 ** -8, 1 + 3 * 2 ** -8, -(1 + 2 ** -8), 1 + 2 ** -8 + 2 ** -23, 2 - 2 ** -23, 255.5, 3e38, -2.5e30, 2 ** 100, 1e-30, 0, 1];
    expect(numbers(() => factorOf(tf.tensor1d(ties), { precision: 1 }))).toEqual(ties.map((value) => bfloat16(value) + 0));
    expect(bfloat16(1 + 2 ** -8)).toBe(1);
    expect(bfloat16(1 + 3 * 2 ** -8)).toBe(1 + 2 ** -6);
    const normal = fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(1e-30), max: Math.fround(3e38) });
    fc.assert(
      fc.property(fc.array(normal, { minLength: 1, maxLength: 40 }), (values) => {
        expect(numbers(() => factorOf(tf.tensor1d(values), { precision: 1 }))).toEqual(values.map(bfloat16));
      }),
      { numRuns: 30 },
    );
  });

  test('that are no numbers or infinite stay so', () => {
    expect(numbers(() => factorOf(tf.tensor1d([NaN, Infinity, -Infinity]), { precision: 1 }))).toEqual([NaN, Infinity, -Infinity]);
  });

  test('of linear, crossEntropy and klDivergence are rounded, in the backward pass too, after the scope has ended', () => {
    const [m, n, k] = [5, 11, 7];
    const [x, w] = [sampleData([m, k], 1).values, sampleData([n, k], 2).values];
    const [hidden, weight] = [tensor(x, [m, k]), tensor(w, [n, k])];
    const targets = tf.tensor1d([0, 3, 10, 3, 1], 'int32');
    const teacher = projection(tensor(sampleData([m, k], 3).values.map(bfloat16), [m, k]), tensor(w.map(bfloat16), [n, k]));
    // Rounded before, and multiplied in float32: what a forward pass in bfloat16 must give.
    const [hiddenBefore, weightBefore] = [tensor(x.map(bfloat16), [m, k]), tensor(w.map(bfloat16), [n, k])];
    const cases: [string, (h: tf.Tensor, w: tf.Tensor) => tf.Tensor][] = [
      ['linear', (h, v) => linear(h, v)],
      ['crossEntropy', (h, v) => crossEntropy(projection(h, v), targets)],
      ['klDivergence', (h, v) => klDivergence(projection(h, v), teacher, { temperature: 2 })],
    ];
    for (const [name, compute] of cases) {
      const rounded = numbers(() => withPrecision('bf16', () => compute(hidden, weight)));
      numbers(() => compute(hiddenBefore, weightBefore)).forEach((value, i) => expect([name, Math.abs(rounded[i]! - value) < 1e-5]).toEqual([name, true]));
      const plain = numbers(() => compute(hidden, weight));
      expect([name, Math.max(...plain.map((value, i) => Math.abs(rounded[i]! - value))) > 1e-5]).toEqual([name, true]);
      const gradientsOf = (scope: <T>(run: () => T) => T): number[] =>
        numbers(() =>
          tf.concat(
            tf
              .grads((h, v) => scope(() => compute(h, v)))([hidden, weight])
              .map((gradient) => tf.reshape(gradient, [-1])),
          ),
        );
      const [bf16, f32] = [gradientsOf((run) => withPrecision('bf16', run)), gradientsOf((run) => run())];
      const scale = Math.max(...f32.map(Math.abs));
      const apart = Math.max(...f32.map((value, i) => Math.abs(value - bf16[i]!))) / scale;
      expect([name, apart > 1e-4 && apart < 2e-2]).toEqual([name, true]);
    }
    tf.dispose([hidden, weight, targets, teacher.hidden, teacher.weight, hiddenBefore, weightBefore]);
  });

  test('of linear give what PyTorch gives under autocast', () => {
    // PyTorch 2.9.1, torch.autocast("cpu", dtype=torch.bfloat16): F.linear(x, weight), and the gradients for dy; results and gradients of products are bfloat16 there.
    const x = tensor([1.205, 0.262, 0.133, -0.921, 0.069, -2.052, 0.506, 1.517, -2.153, 1.466], [2, 5]);
    const weight = tensor([0.522, 1.238, -0.865, 0.299, 0.419, -0.08, 0.926, 0.816, 0.495, -0.164, -0.678, -1.059, 0.748, 0.239, -0.392], [3, 5]);
    const dy = tensor([1, -0.5, 0.3, 0.7, 2.1, -1.3], [2, 3]);
    const torch = {
      y: [0.589844, -0.212891, -1.24219, -1.78125, 0.566406, 0.890625],
      dx: [0.359375, 0.451172, -1.04688, 0.123535, 0.384766, 1.07812, 4.1875, 0.137695, 0.933594, 0.458984],
      dweight: [
        ...[-0.228516, 0.617188, 1.19531, -2.42188, 1.09375, -4.875, 0.933594, 3.10938],
        ...[-4.0625, 3.04688, 3.01562, -0.578125, -1.92188, 2.51562, -1.88281],
      ],
    };
    const y = linearKernel({ x, weight, bias: undefined }, { precision: 1 });
    const [dx, dweight] = linearGradKernel({ dy, x, weight }, { precision: 1 });
    const ours = { y, dx: dx!, dweight: dweight! };
    for (const [name, values] of Object.entries(torch)) {
      const found = Array.from(ours[name as keyof typeof ours].dataSync(), bfloat16);
      expect([name, ...found]).toEqual([name, ...values.map(bfloat16)]);
    }
    tf.dispose([x, weight, dy, ...Object.values(ours)]);
  });

  test('of the gradient of linear: dy is rounded as well', () => {
    const [m, n, k] = [4, 5, 6];
    const [dy, x, w] = [sampleData([m, n], 4), sampleData([m, k], 5), sampleData([n, k], 6)].map(({ values }) => values) as [number[], number[], number[]];
    const turn = (values: readonly number[], rows: number, columns: number): number[] =>
      Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
    const made = linearGradKernel({ dy: tensor(dy, [m, n]), x: tensor(x, [m, k]), weight: tensor(w, [n, k]) }, { precision: 1 });
    const expected = [chains(dy, turn(w, n, k), [m, k, n]), chains(turn(dy, m, n), turn(x, m, k), [n, k, m])];
    made.forEach((gradient, i) => gradient.dataSync().forEach((value, j) => expect(Math.abs(value - expected[i]![j]!)).toBeLessThan(1e-5)));
    tf.dispose(made);
  });
});

describe('the native product of bfloat16', () => {
  // By the level of this processor (1), and by the way of AVX-512's pairs with their one instruction emulated (2).
  test.each([1, 2] as const)('is the chain of exact products to the bit, whatever the sizes (precision %i)', async (precision) => {
    if (!native) return;
    await tf.setBackend('tensorflow');
    for (const m of [1, 14, 29])
      for (const n of [1, 32, 33])
        for (const k of [1, 2, 33, 1025, 2051]) {
          const [x, w] = [sampleData([m, k], m + k).values, sampleData([n, k], n + k).values];
          const made = numbers(() => linearKernel({ x: tensor(x, [m, k]), weight: tensor(w, [n, k]), bias: undefined }, { precision }));
          expect({ m, n, k, made }).toEqual({ m, n, k, made: chains(x, w, [m, n, k], precision === 1 ? {} : { tile: 1 }) });
        }
  });

  test.each([1, 2] as const)('is so of turned factors: the gradient of the weight (precision %i)', async (precision) => {
    if (!native) return;
    await tf.setBackend('tensorflow');
    for (const [rows, out, into] of [
      [1, 1, 1],
      [3, 15, 33],
      [50, 29, 65],
      [1027, 14, 32],
    ] as const) {
      const [dy, x] = [sampleData([rows, out], 7).values, sampleData([rows, into], 8).values];
      const weight = tf.zeros([out, into]);
      const made = numbers(() => linearGradKernel({ dy: tensor(dy, [rows, out]), x: tensor(x, [rows, into]), weight }, { precision })[1]!);
      expect(made).toEqual(chains(dy, x, [out, into, rows], { turned: true, ...(precision === 1 ? {} : { tile: 1 }) }));
      weight.dispose();
    }
  });

  test('propagates infinities and what is no number', async () => {
    if (!native) return;
    await tf.setBackend('tensorflow');
    for (const precision of [1, 2] as const)
      for (const odd of [Infinity, NaN, 3.4e38]) {
        const x = Array.from({ length: 20 * 37 }, (_, i) => (i === 3 * 37 + 20 ? odd : 1));
        const made = numbers(() => linearKernel({ x: tensor(x, [20, 37]), weight: tf.ones([33, 37]), bias: undefined }, { precision }));
        // The largest float32 numbers round to infinity.
        made.forEach((value, i) => expect(value).toBe(Math.floor(i / 33) === 3 ? (Number.isNaN(odd) ? NaN : Infinity) : 37));
      }
  });

  test('gives a row to the bit, alone or with 2047 others', async () => {
    if (!native) return;
    const weight = tensor(sampleData([37, 37], 2).values, [37, 37]);
    expect(await changedAlone(37, (rows) => withPrecision('bf16', () => linear(rows, weight)))).toEqual([]);
    weight.dispose();
  });

  test('refuses a precision that there is not', async () => {
    if (!native) return;
    await tf.setBackend('tensorflow');
    expect(() => linearKernel({ x: tf.ones([2, 3]), weight: tf.ones([4, 3]), bias: undefined }, { precision: 4 as 2 })).toThrow(/precision 0 \(float32\)/);
  });
});

test('products of bfloat16 are told to be fast where the native kernels have them', () => {
  const native = { names: [], peakBytes: () => undefined };
  expect(hasBfloat16Products({ native: { ...native, level: 'x86-64-v4 with avx512_bf16' } })).toBe(true);
  expect(hasBfloat16Products({ native: { ...native, level: 'x86-64-v4 with amx_bf16' } })).toBe(true);
  expect(hasBfloat16Products({ native: { ...native, level: 'x86-64-v4' } })).toBe(false);
  expect(hasBfloat16Products({})).toBe(false);
});

test('a scope ends with its function, also where that throws', () => {
  const x = tf.tensor2d([[1 + 2 ** -8]]);
  const one = tf.ones([1, 1]);
  expect(() =>
    withPrecision('bf16', () => {
      throw new Error('odd');
    }),
  ).toThrow('odd');
  expect(numbers(() => linear(x, one))).toEqual([1 + 2 ** -8]);
  expect(numbers(() => withPrecision('bf16', () => withPrecision('f32', () => linear(x, one))))).toEqual([1 + 2 ** -8]);
  expect(numbers(() => withPrecision('bf16', () => linear(x, one)))).toEqual([1]);
  tf.dispose([x, one]);
});
