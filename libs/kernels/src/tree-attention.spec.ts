import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { hasNative } from '../test/alone.js';
import { numbersOn, startBackends } from '../test/backends.js';
import { attention } from './attention.js';
import { sampleData } from './conformance.js';
import { treeAttention, treeAttentionKernel } from './tree-attention.js';

const backends = await startBackends();
const [HEADS, KV, INNER] = [4, 2, 8];

const sample = (tokens: number, heads: number, seed: number): tf.Tensor4D =>
  tf.tensor4d([...sampleData([1, tokens, heads, INNER], seed).values], [1, tokens, heads, INNER]);

const told = (parents: readonly number[]) => ({ values: Int32Array.from(parents), tensor: tf.tensor1d([...parents], 'int32') });

/** Every token of a tree, as the last one of its text by itself under ordinary attention. */
function textByText(parents: readonly number[], window?: number): tf.Tensor {
  const [q, k, v] = [sample(parents.length, HEADS, 1), sample(parents.length, KV, 2), sample(parents.length, KV, 3)];
  const rows = parents.map((_, token) => {
    const text: number[] = [];
    for (let at = token; at >= 0; at = parents[at]!) text.unshift(at);
    const of = (x: tf.Tensor4D): tf.Tensor => tf.gather(x, text, 1);
    return attention(tf.gather(q, [token], 1), of(k), of(v), window === undefined ? {} : { window });
  });
  return tf.concat(rows, 1);
}

const together = (parents: readonly number[], window?: number): tf.Tensor =>
  treeAttention(sample(parents.length, HEADS, 1), sample(parents.length, KV, 2), sample(parents.length, KV, 3), {
    parents: told(parents),
    ...(window === undefined ? {} : { window }),
  });

/** Long texts with branches: several tiles of keys, and runs that are longer than a task. */
function longTree(): number[] {
  const parents = Array.from({ length: 260 }, (_, at) => at - 1);
  for (const [from, length] of [
    [249, 30],
    [120, 110],
    [95, 5],
    [-1, 12],
  ] as const)
    // prettier-ignore
    for (let i = 0; i < length; i++) parents.push(i === 0 ? from : parents.length - 1);
  return parents;
}

const anyTree = fc.array(fc.nat(), { minLength: 1, maxLength: 24 }).map((draws) => draws.map((draw, at) => (draw % (at + 1)) - 1));

test.each(backends)('each token of a tree sees its own text, on %s', async (backend) => {
  await fc.assert(
    fc.asyncProperty(anyTree, fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }), async (parents, window) => {
      const [found, expected] = [await numbersOn(backend, () => together(parents, window)), await numbersOn(backend, () => textByText(parents, window))];
      found.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5));
    }),
    { numRuns: backend === 'webgpu' ? 2 : 10, seed: 4 },
  );
});

if (hasNative('TreeAttention')) {
  test.each([undefined, 70, 130])('a long text gives the same bits in a tree as alone, window %s', async (window) => {
    const parents = longTree();
    expect(await numbersOn('tensorflow', () => together(parents, window))).toEqual(await numbersOn('tensorflow', () => textByText(parents, window)));
  });

  test('the native row agrees with the reference on wasm over several tiles', async () => {
    const [found, expected] = [await numbersOn('tensorflow', () => together(longTree())), await numbersOn('wasm', () => together(longTree()))];
    expect(found.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i]!)), 0)).toBeLessThan(1e-4);
  });

  test('the native row refuses parents that do not stand before their tokens', async () => {
    await tf.setBackend('tensorflow');
    const x = tf.zeros([1, 2, 1, 4]);
    for (const stray of [
      [-1, 1],
      [-1, 7],
      [-2, 0],
    ])
      // prettier-ignore
      expect(() => treeAttentionKernel({ q: x, k: x, v: x, parents: tf.tensor1d(stray, 'int32') }, { scale: 1, window: 0, parents: Int32Array.of() })).toThrow(
        /parents that stand before/,
      );
  });
}

test.each(backends)('a value that is no number reaches its descendants, on %s', async (backend) => {
  if (backend === 'webgpu') return;
  const x = tf.ones([1, 4, 1, 1]);
  const run = (): tf.Tensor => treeAttention(x, x, tf.tensor([1, Number.NaN, 1, 1], [1, 4, 1, 1]), { parents: told([-1, 0, 1, 0]) });
  const found = await numbersOn(backend, run);
  expect(found.slice(1, 3)).toEqual([Number.NaN, Number.NaN]);
  if (backend === 'tensorflow' && hasNative('TreeAttention')) expect(found).toEqual([1, Number.NaN, Number.NaN, 1]);
});

test('treeAttention refuses shapes and parents that do not fit', () => {
  const x = tf.zeros([1, 3, 2, 4]);
  expect(() => treeAttention(x, x, x, { parents: told([-1, 0]) })).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
  expect(() => treeAttention(x, x, x, { parents: told([-1, 2, 0]) })).toThrow(/a token 1 behind 2/);
  expect(() => treeAttention(tf.zeros([2, 3, 2, 4]), x, x, { parents: told([-1, 0, 1]) })).toThrow(/\[1, t, heads, inner\]/);
});
