import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { isOnGpu } from '../test/alone.js';
import { numbersOn, startBackends } from '../test/backends.js';
import { attention, attentionGradKernel, attentionKernel, type AttentionOptions } from './attention.js';
import { checkKernel, sampleData, type KernelCase, type KernelData } from './conformance.js';

const backends = await startBackends();
const isNative = tf.getKernel('ChopAttention', 'tensorflow') !== undefined;

interface Form {
  b: number;
  t: number;
  s: number;
  heads: number;
  kv: number;
  inner: number;
  options?: Omit<AttentionOptions, 'segments' | 'offset'> & { offset?: number };
  segments?: number[];
}

/** One query at a time, one head at a time. */
function attended({ b, t, s, heads, kv, inner, options = {}, segments }: Form, q: readonly number[], k: readonly number[], v: readonly number[]): number[] {
  const { scale = inner ** -0.5, offset = s - t, window = Infinity } = options;
  const out: number[] = [];
  for (let batch = 0; batch < b; batch++)
    for (let query = 0; query < t; query++)
      for (let head = 0; head < heads; head++) {
        const own = offset + query;
        const keyAt = (key: number): number => ((batch * s + key) * kv + Math.floor(head / (heads / kv))) * inner;
        const queryAt = ((batch * t + query) * heads + head) * inner;
        const weights = Array.from({ length: s }, (_, key) => {
          const seen = key <= own && own - key < window && (segments === undefined || segments[batch * s + key] === segments[batch * s + own]);
          let score = 0;
          for (let i = 0; i < inner; i++) score += q[queryAt + i]! * k[keyAt(key) + i]!;
          return seen ? Math.exp(score * scale) : 0;
        });
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (let i = 0; i < inner; i++) out.push(weights.reduce((sum, weight, key) => sum + (weight / total) * v[keyAt(key) + i]!, 0));
      }
  return out;
}

function of(title: string, form: Form): KernelCase {
  const { b, t, s, heads, kv, inner, options, segments } = form;
  const marks: Record<string, KernelData> = segments === undefined ? {} : { segments: { shape: [b, s], values: segments, dtype: 'int32' } };
  return {
    title,
    inputs: { q: sampleData([b, t, heads, inner], 21), k: sampleData([b, s, kv, inner], 22), v: sampleData([b, s, kv, inner], 23), ...marks },
    run: ({ q, k, v, segments: given }) => attention(q!, k!, v!, given === undefined ? options : { ...options, segments: given }),
    oracle: ({ q, k, v }) => attended(form, q!, k!, v!),
    shape: [b, t, heads, inner],
    gradients: ['q', 'k', 'v'],
  };
}

test.each(backends)('attention is causal softmax attention with grouped queries, with its gradients, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('attention', [
    of('as many key-value heads as heads', { b: 2, t: 5, s: 5, heads: 2, kv: 2, inner: 3 }),
    of('three queries per key-value head', { b: 1, t: 4, s: 4, heads: 6, kv: 2, inner: 2 }),
    of('one head, one token, one feature', { b: 1, t: 1, s: 1, heads: 1, kv: 1, inner: 1 }),
    of('a decoding step over a cache', { b: 2, t: 1, s: 7, heads: 4, kv: 1, inner: 3 }),
    of('a chunk after a cache', { b: 1, t: 3, s: 7, heads: 2, kv: 1, inner: 4 }),
    of('queries in the middle of the keys', { b: 1, t: 2, s: 6, heads: 2, kv: 1, inner: 2, options: { offset: 2 } }),
    of('another scale', { b: 1, t: 3, s: 3, heads: 1, kv: 1, inner: 4, options: { scale: 0.9 } }),
  ]);
});

test.each(backends)('attention looks back over the window only, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('attention', [
    of('a window of 3', { b: 1, t: 6, s: 6, heads: 2, kv: 1, inner: 2, options: { window: 3 } }),
    of('a window of 1: every token sees itself', { b: 1, t: 4, s: 4, heads: 1, kv: 1, inner: 2, options: { window: 1 } }),
    of('a decoding step beyond the window', { b: 1, t: 1, s: 5, heads: 2, kv: 2, inner: 3, options: { window: 2 } }),
  ]);
});

test.each(backends)('attention stays within a segment, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('attention', [
    of('documents packed into a row', { b: 2, t: 5, s: 5, heads: 2, kv: 1, inner: 2, segments: [0, 0, 0, 1, 1, 3, 4, 4, 4, 4] }),
    of('padding on the left of a cache', { b: 2, t: 1, s: 4, heads: 2, kv: 1, inner: 3, segments: [1, 1, 1, 1, 0, 0, 1, 1] }),
    of('documents and a window', { b: 1, t: 5, s: 5, heads: 1, kv: 1, inner: 2, segments: [0, 0, 0, 0, 1], options: { window: 2 } }),
  ]);
});

test.each(backends)('a huge score of a key that must not be seen changes no bit, on %s', async (backend) => {
  const [q, v] = [sampleData([1, 2, 1, 2], 24), sampleData([1, 2, 1, 2], 25)];
  const first = (later: number): Promise<number[]> =>
    numbersOn(backend, () =>
      tf.slice(
        attention(tf.tensor([...q.values], [1, 2, 1, 2]), tf.tensor([1, 2, later, later], [1, 2, 1, 2]), tf.tensor([...v.values], [1, 2, 1, 2])),
        [0, 0, 0, 0],
        [1, 1, 1, 2],
      ),
    );
  expect(await first(1e6)).toEqual(await first(0));
  expect(await first(-1e6)).toEqual(Array.from(Float32Array.from(v.values.slice(0, 2))));
});

/** Sequences of several tiles: result and gradients as lists of numbers. */
function manyTiles(options: AttentionOptions, segments?: readonly number[]): tf.Tensor {
  const [b, t, s, heads, kv, inner] = [2, 150, 215, 6, 2, 20];
  const [q, k, v, dy] = [
    [b, t, heads, inner],
    [b, s, kv, inner],
    [b, s, kv, inner],
    [b, t, heads, inner],
  ].map((shape, i) => {
    const { values } = sampleData(shape, 31 + i);
    return tf.tensor([...values], shape);
  }) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const marks = segments === undefined ? {} : { segments: tf.tensor([...segments], [b, s], 'int32') };
  const run = (...[x, y, z]: tf.Tensor[]): tf.Tensor => attention(x!, y!, z!, { ...options, ...marks });
  const gradients = tf.grads((...each) => tf.sum(tf.mul(run(...each), dy)))([q, k, v]);
  return tf.concat([run(q, k, v), ...gradients].map((x) => tf.reshape(x, [-1])));
}

const DOCUMENTS = Array.from({ length: 2 * 215 }, (_, i) => Math.floor(i / 37));
const SCATTERED = Array.from({ length: 2 * 215 }, (_, i) => (i % 5) % 2);

const FORMS = [
  ['all keys', {}, undefined],
  ['a window', { window: 70 }, undefined],
  ['queries in the middle of the keys', { offset: 30 }, undefined],
  ['documents', {}, DOCUMENTS],
  ['segments that lie between one another', { window: 120, offset: 60 }, SCATTERED],
] as const;

if (isNative)
  test.each(FORMS)('the native attention over several tiles of keys agrees with the reference on wasm: %s', async (_, options, segments) => {
    const expected = await numbersOn('wasm', () => manyTiles(options, segments));
    const found = await numbersOn('tensorflow', () => manyTiles(options, segments));
    expect(found.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i]!)), 0)).toBeLessThan(1e-4);
  });

/** The queries from `offset` on over 300 keys of which only those up to the last query are there. */
const chunk = (offset: number, t: number, heads: number, kv: number, segments?: readonly number[]): Promise<number[]> =>
  numbersOn('tensorflow', () => {
    const keys = offset + t;
    const of = (count: number, seed: number): tf.Tensor => tf.tensor([...sampleData([1, 300, count, 16], seed).values], [1, 300, count, 16]);
    const upTo = (seed: number): tf.Tensor => tf.slice(of(kv, seed), [0, 0, 0, 0], [1, keys, kv, 16]);
    const marks = segments === undefined ? {} : { segments: tf.tensor(segments.slice(0, keys), [1, keys], 'int32') };
    return attention(tf.slice(of(heads, 41), [0, offset, 0, 0], [1, t, heads, 16]), upTo(42), upTo(43), { window: 130, ...marks });
  });

if (isNative)
  test.each([
    [4, 2, undefined],
    [4, 2, SCATTERED],
    [10, 2, DOCUMENTS],
    [9, 3, undefined],
    [200, 1, DOCUMENTS],
  ])('a query gives the same bits whatever queries are computed with it: %i heads, %i of keys', async (heads, kv, segments) => {
    const all = await chunk(0, 300, heads, kv, segments);
    const row = heads * 16;
    for (const t of [1, 7, 33])
      for (const offset of [0, 95, 96, 200, 300 - t]) expect(await chunk(offset, t, heads, kv, segments)).toEqual(all.slice(offset * row, (offset + t) * row));
  });

const onlyKeys = (k: number[], v: number[]): tf.Tensor => attention(tf.ones([1, 3, 1, 1]), tf.tensor(k, [1, 3, 1, 1]), tf.tensor(v, [1, 3, 1, 1]));

test.each(backends)('a score or value that is no number reaches the queries that see it, on %s', async (backend) => {
  for (const [k, v] of [
    [
      [1, Number.NaN, 1],
      [5, 5, 5],
    ],
    [
      [1, 1, 1],
      [5, Number.NaN, 5],
    ],
  ] as const)
    expect((await numbersOn(backend, () => onlyKeys([...k], [...v]))).slice(1)).toEqual([Number.NaN, Number.NaN]);
});

if (isNative)
  test('a score or value that is no number changes no earlier query', async () => {
    expect(await numbersOn('tensorflow', () => onlyKeys([1, Number.NaN, 1], [5, 5, 5]))).toEqual([5, Number.NaN, Number.NaN]);
    expect(await numbersOn('tensorflow', () => onlyKeys([-Infinity, 0, 0], [7, 5, 5]))).toEqual([Number.NaN, 5, 5]);
    expect(await numbersOn('tensorflow', () => onlyKeys([1, 1, 1], [5, Infinity, Number.NaN]))).toEqual([5, Infinity, Number.NaN]);
  });

if (isNative)
  test('the native row refuses shapes that disagree', async () => {
    await tf.setBackend('tensorflow');
    const [q, k, lse] = [tf.zeros([1, 2, 2, 4]), tf.zeros([1, 2, 1, 4]), tf.zeros([1, 2, 3])];
    const attributes = { scale: 1, position: 0, window: 0 };
    const [offset, later, segments] = [tf.scalar(0, 'int32'), tf.scalar(1, 'int32'), undefined];
    expect(() => attentionKernel({ q, k, v: tf.zeros([1, 3, 1, 4]), offset, segments }, attributes)).toThrow(/q \[b, t, heads, inner\]/);
    // On a GPU the position stands in its memory: what lies beyond the keys is not read there.
    if (!isOnGpu()) expect(() => attentionKernel({ q, k, v: k, offset: later, segments }, attributes)).toThrow(/positions within the keys/);
    expect(() => attentionKernel({ q, k, v: k, offset, segments: tf.zeros([2], 'int32') }, attributes)).toThrow(/segments \[b, s\]/);
    expect(() => attentionGradKernel({ dy: q, q, k, v: k, out: q, lse, offset, segments }, attributes)).toThrow(/lse \[b, heads, t\]/);
  });

test('attention refuses heads that do not divide and queries beyond the keys', () => {
  const [q, k] = [tf.zeros([1, 2, 3, 4]), tf.zeros([1, 2, 2, 4])];
  expect(() => attention(q, k, k)).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
  const one = tf.zeros([1, 2, 1, 4]);
  expect(() => attention(q, one, one, { offset: 1 })).toThrow(/position 1/);
  expect(() => attention(q, one, one, { segments: tf.zeros([1, 3], 'int32') })).toThrow(/segments \[1,3\]/);
});
