import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { numbersOn, startBackends } from '../test/backends.js';
import { attention, type AttentionOptions } from './attention.js';
import { checkKernel, sampleData, type KernelCase, type KernelData } from './conformance.js';

const backends = await startBackends();

interface Form {
  b: number;
  t: number;
  s: number;
  heads: number;
  kv: number;
  inner: number;
  options?: Omit<AttentionOptions, 'segments'>;
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

test('attention refuses heads that do not divide and queries beyond the keys', () => {
  const [q, k] = [tf.zeros([1, 2, 3, 4]), tf.zeros([1, 2, 2, 4])];
  expect(() => attention(q, k, k)).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
  const one = tf.zeros([1, 2, 1, 4]);
  expect(() => attention(q, one, one, { offset: 1 })).toThrow(/position 1/);
  expect(() => attention(q, one, one, { segments: tf.zeros([1, 3], 'int32') })).toThrow(/segments \[1,3\]/);
});
