import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import * as tf from '@tensorflow/tfjs-core';
import { sampleData } from '../../src/conformance.js';
import { startCpu } from '../../src/engine/cpu.js';
import { registerGradients } from '../../src/engine/gradients.js';
import * as kernels from '../../src/index.js';
import { differences, torchCases, unnoticed } from '../pytorch.js';
import { type EmulatedArray, loadEmulator, registerEmulated, runInEveryOrder } from './emulated.js';

/** float32 against PyTorch's float64, told with six digits; as in conformance.ts. */
const TOLERANCE = 2e-5;

registerGradients();
await startCpu('test');
const emulator = await loadEmulator();
const calls = await registerEmulated(emulator);

/** Runs something, and tells which emulated ops it called. */
async function heard(run: () => void | Promise<void>): Promise<string[]> {
  const before = new Map(calls);
  await run();
  return [...calls].filter(([op, count]) => count > before.get(op)!).map(([op]) => op);
}

const sample = (shape: number[], seed = 1): tf.Tensor => tf.tensor([...sampleData(shape, seed).values], shape);
const KERNELS = ['attention', 'rmsNorm', 'layerNorm', 'rope', 'gelu', 'geglu', 'swiglu', 'residual', 'globalNorm', 'adamw', 'lion'];
const cases = torchCases().cases.filter(({ kernel }) => KERNELS.includes(kernel));

test.each(cases)('$kernel, $title: the numbers and gradients of PyTorch', async (one) => {
  let found: Awaited<ReturnType<typeof differences>>;
  const ops = await heard(async () => void (found = await differences(one)));
  expect(ops).not.toEqual([]);
  expect(found!.results).toBeLessThan(TOLERANCE);
  expect(found!.gradients ?? 0).toBeLessThan(TOLERANCE);
});

test.each(cases.filter(({ gradients }) => Object.keys(gradients).length > 0))('$kernel, $title: a number that is none shows in the result', (one) => {
  expect(unnoticed(one)).toEqual([]);
});

test('every case of these kernels is there', () => {
  expect(new Set(cases.map(({ kernel }) => kernel))).toEqual(new Set(KERNELS));
});

type Row = { reference: (inputs: never, attributes: never) => tf.Tensor | tf.Tensor[] } & ((inputs: never, attributes: never) => tf.Tensor | tf.Tensor[]);

/** The largest difference between a row's emulated op and its reference, as a share of the largest value. */
function fromReference(row: Row, inputs: Record<string, tf.Tensor | undefined>, attributes: object = {}): number {
  return tf.tidy(() => {
    const [found, expected] = [[row(inputs as never, attributes as never)].flat(), [row.reference(inputs as never, attributes as never)].flat()];
    expect(found.map(({ shape, dtype }) => [shape, dtype])).toEqual(expected.map(({ shape, dtype }) => [shape, dtype]));
    const shares = expected.map((tensor, index) => {
      const [values, own] = [Array.from(tensor.dataSync()), Array.from(found[index]!.dataSync())];
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-2);
      return values.reduce((worst, value, i) => Math.max(worst, Number.isNaN(own[i]) ? Infinity : Math.abs(value - own[i]!)), 0) / largest;
    });
    return Math.max(0, ...shares);
  });
}

// One row and many parts of rows; rows shorter and longer than a block; a width that counts partly.
test.each([
  [1, 1, 1],
  [1, 255, 255],
  [65, 257, 257],
  [129, 8, 6],
  [3, 1000, 1000],
  [0, 8, 8],
])('norms and their gradients over %i rows of %i, %i of them live', async (rows, width, live) => {
  const [dy, gain, bias] = [sample([rows, width], 3), sample([width], 4), sample([width], 5)];
  const alive = tf.tensor1d(Array.from({ length: width }, (_, i) => (i < live ? 1 : 0)));
  const x = tf.mul(sample([rows, width], 2), alive);
  const attributes = { eps: 1e-5, live };
  const ops = await heard(() => {
    expect(fromReference(kernels.rmsNormKernel as Row, { x, gain }, attributes)).toBeLessThan(TOLERANCE);
    expect(fromReference(kernels.rmsNormGradKernel as Row, { dy, x, gain }, attributes)).toBeLessThan(TOLERANCE);
    expect(fromReference(kernels.layerNormKernel as Row, { x, gain, bias }, attributes)).toBeLessThan(TOLERANCE);
    expect(fromReference(kernels.layerNormKernel as Row, { x, gain }, attributes)).toBeLessThan(TOLERANCE);
    expect(fromReference(kernels.layerNormGradKernel as Row, { dy, x, gain }, attributes)).toBeLessThan(TOLERANCE);
  });
  expect(ops).toEqual(['ChopLayerNorm', 'ChopLayerNormGrad', 'ChopRmsNorm', 'ChopRmsNormGrad']);
});

test.each([
  [2, 3, 2, 8, 4],
  [1, 1, 1, 2, 1],
  [2, 5, 3, 10, 2],
  [1, 4, 1, 7, 3],
])('rope turns [%i, %i, %i, %i] by %i pairs', (batch, tokens, heads, inner, pairs) => {
  const tables = { cos: sample([tokens, pairs], 6), sin: sample([tokens, pairs], 7) };
  expect(fromReference(kernels.ropeKernel as Row, { x: sample([batch, tokens, heads, inner]), ...tables })).toBeLessThan(TOLERANCE);
  expect(fromReference(kernels.ropeGradKernel as Row, { dy: sample([batch, tokens, heads, inner]), ...tables })).toBeLessThan(TOLERANCE);
});

// Several tiles of queries and keys, the last ones not full; groups; a window; queries that begin later; documents; features beyond one pass.
test.each([
  { b: 2, t: 70, s: 70, heads: 4, kv: 2, inner: 20, window: 0 },
  { b: 1, t: 65, s: 100, heads: 3, kv: 1, inner: 33, window: 40 },
  { b: 1, t: 40, s: 90, heads: 2, kv: 2, inner: 130, window: 0, position: 20 },
  { b: 2, t: 64, s: 64, heads: 2, kv: 1, inner: 8, window: 50, documents: 3 },
  { b: 1, t: 1, s: 64, heads: 2, kv: 1, inner: 64, window: 0, position: 5 },
])('attention over $t queries and $s keys, and its gradient', ({ b, t, s, heads, kv, inner, window, position = s - t, documents }) => {
  const [q, k, v, dy] = [sample([b, t, heads, inner], 1), sample([b, s, kv, inner], 2), sample([b, s, kv, inner], 3), sample([b, t, heads, inner], 4)];
  const segments =
    documents === undefined
      ? undefined
      : tf.tensor2d(
          Array.from({ length: b * s }, (_, i) => Math.floor(((i % s) * documents) / s)),
          [b, s],
          'int32',
        );
  const given = { q, k, v, offset: tf.scalar(position, 'int32'), segments };
  const attributes = { scale: 0.3, position, window };
  expect(fromReference(kernels.attentionKernel as Row, given, attributes)).toBeLessThan(TOLERANCE);
  const [out, lse] = kernels.attentionKernel.reference(given, attributes);
  expect(fromReference(kernels.attentionGradKernel as Row, { dy, out: out!, lse: lse!, ...given }, attributes)).toBeLessThan(TOLERANCE);
});

test('what is no number among keys and values changes no query that does not see it', () => {
  const numbers = (k: number[], v: number[]): number[] =>
    Array.from(kernels.attention(tf.ones([1, 3, 1, 1]), tf.tensor(k, [1, 3, 1, 1]), tf.tensor(v, [1, 3, 1, 1])).dataSync());
  expect(numbers([1, NaN, 1], [5, 5, 5])).toEqual([5, NaN, NaN]);
  expect(numbers([-Infinity, 0, 0], [7, 5, 5])).toEqual([NaN, 5, 5]);
  expect(numbers([1, 1, 1], [5, Infinity, NaN])).toEqual([5, Infinity, NaN]);
  // A query whose window begins with nothing but a score of −∞ at the end of one tile, and goes on in the next.
  const scores = Array.from({ length: 64 }, (_, i) => (i === 31 ? -Infinity : 0));
  const [k, v] = [tf.tensor(scores, [1, 64, 1, 1]), tf.ones([1, 64, 1, 1])];
  const found = Array.from(kernels.attention(v, k, v, { window: 33 }).dataSync());
  expect([found[30], found[31], found[40], found[63]]).toEqual([1, 1, 1, 1]);
});

test('a query has the same bits alone and among others', () => {
  const [q, k, v] = [sample([1, 70, 2, 16], 1), sample([1, 70, 1, 16], 2), sample([1, 70, 1, 16], 3)];
  const rows = (first: number, count: number): number[] => {
    const upTo = (x: tf.Tensor): tf.Tensor => tf.slice(x, [0, 0, 0, 0], [1, first + count, 1, 16]);
    return Array.from(kernels.attention(tf.slice(q, [0, first, 0, 0], [1, count, 2, 16]), upTo(k), upTo(v), { window: 40 }).dataSync());
  };
  const all = rows(0, 70);
  for (const [first, count] of [[0, 1], [33, 1], [69, 1], [40, 30]] as const) expect(rows(first, count)).toEqual(all.slice(first * 32, (first + count) * 32)); // prettier-ignore
});

test('more weights than a grid has threads are scored, each once', () => {
  const [weight, norm] = [sample([12, 90]), tf.abs(sample([90], 2))];
  expect(weight.size).toBeGreaterThan(3 * 256); // CHOP_MOST_BLOCKS in emulated.ts
  expect(fromReference(kernels.wandaScoreKernel as Row, { weight, norm })).toBe(0);
});

test('a row of a norm has the same bits alone and among others', () => {
  const [x, gain] = [sample([70, 300], 2), sample([300], 4)];
  const bits = (tensor: tf.Tensor): number[] => Array.from(tensor.dataSync());
  const alone = bits(kernels.rmsNorm(tf.slice(x, [41, 0], [1, 300]), gain, { eps: 1e-5 }));
  expect(bits(tf.slice(kernels.rmsNorm(x, gain, { eps: 1e-5 }), [41, 0], [1, 300]))).toEqual(alone);
});

test('a norm of many tensors, of none, and of ones that are empty', () => {
  const tensors = [sample([20000], 1), sample([3, 5], 2), tf.zeros([0, 4]), tf.scalar(3)];
  const exact = Math.sqrt(tensors.flatMap((tensor) => Array.from(tensor.dataSync())).reduce((sum, value) => sum + value * value, 0));
  expect(kernels.globalNorm(tensors).dataSync()[0]).toBe(Math.fround(exact));
  expect(kernels.globalNorm([]).dataSync()[0]).toBe(0);
});

/** 1 at the `count` best of a row by a stable sort: among equals the lower index goes first. */
function best(row: readonly number[], count: number): number[] {
  const order = row.map((_, i) => i).sort((a, b) => row[b]! - row[a]! || a - b);
  return row.map((_, i) => (order.indexOf(i) < count ? 1 : 0));
}

// Few different values, so that ties are the rule; both zeros, and sizes from the smallest to the largest.
const score = fc.constantFrom(-Infinity, -1e30, -2, -1e-38, -0, 0, 1e-38, 1, 1.0000001, 1e30, Infinity);
const row = (length: number): fc.Arbitrary<number[]> => fc.array(score, { minLength: length, maxLength: length });

test('the n largest of every group stay, ties the lower index', () => {
  const patterns = fc.constantFrom([2, 4], [4, 8], [1, 1], [1, 3], [3, 3], [1, 16]).chain(([n, m]) => fc.tuple(fc.constant(n!), row(3 * m!)));
  fc.assert(
    fc.property(patterns, ([n, scores]) => {
      const m = scores.length / 3;
      const expected = [0, 1, 2].flatMap((group) => best(scores.slice(group * m, (group + 1) * m), n));
      expect(Array.from(kernels.keepNofM(tf.tensor2d([scores]), n, m).dataSync())).toEqual(expected);
    }),
    { numRuns: 30 },
  );
});

test('the largest of a row stay, ties the lower index, in rows shorter and longer than a block', () => {
  const rows = fc.constantFrom(1, 5, 255, 300).chain((length) => fc.tuple(row(length), fc.integer({ min: 0, max: length })));
  fc.assert(
    fc.property(rows, ([scores, count]) => {
      const kept = kernels.keepLargestKernel({ scores: tf.tensor2d([scores, scores.toReversed()]) }, { count });
      expect(Array.from(kept.dataSync())).toEqual([...best(scores, count), ...best(scores.toReversed(), count)]);
    }),
    { numRuns: 8 },
  );
});

test('a mask holds weights at zero, what is no number too, and the moments go on', () => {
  const [m, v] = [tf.variable(tf.zeros([3])), tf.variable(tf.zeros([3]))];
  const options = { lr: 0.5, beta1: 0.9, beta2: 0.99, eps: 1e-8, decay: 0, step: 1, mask: tf.tensor1d([true, false, true], 'bool') };
  const weight = tf.variable(tf.tensor1d([1, 2, 3]));
  kernels.adamw(weight, tf.tensor1d([NaN, NaN, 1]), { m, v }, options);
  expect(Array.from(weight.dataSync())).toEqual([NaN, 0, 2.5]);
  const [lion, momentum] = [tf.variable(tf.tensor1d([1, 2, 3])), tf.variable(tf.zeros([3]))];
  kernels.lion(lion, tf.tensor1d([4, 4, -8]), { m: momentum }, { ...options, scale: 0.5 });
  expect(Array.from(lion.dataSync())).toEqual([0.5, 0, 3.5]);
  expect(Array.from(momentum.dataSync(), (value) => value.toFixed(6))).toEqual(['0.020000', '0.020000', '-0.040000']);
});

test('shapes that do not fit are refused before a launch', () => {
  const arrays: EmulatedArray[] = [
    { values: new Float32Array(4), shape: [4] },
    { values: new Float32Array(3), shape: [3] },
  ];
  const launch = (op: string, outputs = ['float']) => runInEveryOrder(emulator, { op, inputs: arrays, attributes: [], outputs });
  expect(() => launch('ChopSwiglu')).toThrow('expected gate and up of the same shape');
  expect(() => launch('ChopAdd')).toThrow('expected x and delta of the same shape');
  expect(() => launch('ChopWandaScore')).toThrow('expected weight [out, in] and norm [in]');
});

test.each([
  ['Race', 'depends on which of its threads is first'],
  ['Diverge', 'every thread of a block at a barrier, not 128 of them'],
  ['Overrun', 'expected no write beyond an array'],
  ['Overwrite', 'expected input 0 as it was'],
])('the emulation notices a kernel with the mistake %s', (mistake, message) => {
  const inputs = [{ values: Float32Array.from({ length: 256 }, (_, i) => i), shape: [256] }];
  expect(() => runInEveryOrder(emulator, { op: `Faulty${mistake}`, inputs, attributes: [], outputs: ['float'] })).toThrow(message);
});

test('an element that no thread writes is no number', () => {
  const inputs = [{ values: new Float32Array(256), shape: [256] }];
  const [y] = runInEveryOrder(emulator, { op: 'FaultyForget', inputs, attributes: [], outputs: ['float'] });
  expect(Array.from(y!.values.slice(0, 2))).toEqual([NaN, 0]);
});
