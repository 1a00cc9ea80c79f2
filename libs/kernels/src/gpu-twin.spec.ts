import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { sampleData } from './conformance.js';
import { type BlockTypeName, BLOCK_TYPES, dequantiseKernel } from './dequantise.js';
import { findWebgpu } from './engine/webgpu.js';
import { dequantiseTwin } from './dequantise.gpu.js';
import { columnSumsTwin, rowSumsTwin } from './importance.gpu.js';
import { magnitudeTwin } from './magnitude.gpu.js';
import { keepNofMTwin } from './select.gpu.js';
import { wandaScoreTwin } from './wanda-score.gpu.js';
import { type GpuTwin, type TwinMode, twinValues } from './gpu-twin.js';
import { columnSumsKernel, rowSumsKernel } from './importance.js';
import type { Kernel } from './kernel.js';
import { magnitudeKernel } from './magnitude.js';
import { keepNofMKernel } from './select.js';
import { wandaScoreKernel } from './wanda-score.js';

const backends = await startBackends();
const modes: TwinMode[] = ['cpu', 'webasm'];
if ((await findWebgpu()) !== undefined) {
  const { create, globals } = await import(pathToFileURL(createRequire(import.meta.url).resolve('webgpu')).href);
  Object.assign(globalThis, globals, { navigator: { gpu: create([]) } });
  modes.push('webgpu');
}

type Row = Pick<Kernel<Record<string, tf.Tensor>, object, tf.Tensor>, 'reference'>;
type Inputs = Readonly<Record<string, { values: Float32Array | Uint8Array; shape: number[] }>>;

const bits = (values: ArrayLike<number>): string => Buffer.from(Float32Array.from(values).buffer).toString('hex');

/** What the twin makes in a mode, and what the reference makes. */
async function both(
  mode: TwinMode,
  [row, twin]: readonly [Row, GpuTwin],
  inputs: Inputs,
  attributes: Record<string, number> = {},
): Promise<[ArrayLike<number>, ArrayLike<number>]> {
  const call = twin.call(inputs, attributes);
  const found = await twinValues(mode, call);
  await tf.setBackend('cpu');
  const expected = tf.tidy(() => {
    const tensors = Object.entries(inputs).map(([name, { values, shape }]) => [
      name,
      tf.tensor(values, shape, values instanceof Uint8Array ? 'bool' : 'float32'),
    ]);
    const made = row.reference(Object.fromEntries(tensors), attributes);
    expect([made.shape, made.dtype]).toEqual([call.shape, call.dtype]);
    return made.dataSync();
  });
  return [found, expected];
}

const matrix = (rows: number, columns: number, seed = rows): Inputs[string] => ({
  values: Float32Array.from(sampleData([rows, columns], seed).values),
  shape: [rows, columns],
});
const few = fc.constantFrom(-2, -1, -0, 0, 1, 1.5, 3, 2 ** 24, Infinity, -Infinity);
const any = fc.float({ noNaN: true, noDefaultInfinity: true }).filter((value) => value === 0 || Math.abs(value) >= 2 ** -126);
const PATTERNS = [
  [2, 4],
  [4, 8],
  [1, 3],
  [3, 3],
] as const;

test.each(modes)('masks of the twin in mode %s are those of the reference and of the native op, whatever ties', async (mode) => {
  // Sizes of few kinds: each is compiled.
  const scores = fc.tuple(fc.constantFrom(...PATTERNS), fc.constantFrom(few, any)).chain(([pattern, value]) => {
    const size = { minLength: 2 * pattern[1] * 5, maxLength: 2 * pattern[1] * 5 };
    return fc.tuple(fc.constant(pattern), fc.array(value, size));
  });
  await fc.assert(
    fc.asyncProperty(scores, async ([[n, m], values]) => {
      // On a GPU an infinity may be anything.
      const given = Float32Array.from(values, (value) => (mode === 'webgpu' && !Number.isFinite(value) ? Math.sign(value) * 9 : value));
      const shape = [2, values.length / 2];
      const [found, expected] = await both(mode, [keepNofMKernel as unknown as Row, keepNofMTwin], { scores: { values: given, shape } }, { n, m });
      expect(Array.from(found)).toEqual(Array.from(expected));
      if (!backends.includes('tensorflow')) return;
      await tf.setBackend('tensorflow');
      const native = tf.tidy(() => Array.from(keepNofMKernel({ scores: tf.tensor(given, shape) }, { n, m }).dataSync()));
      expect(Array.from(found)).toEqual(native);
    }),
    { numRuns: 60 },
  );
});

test.each(modes)('scores and magnitudes of the twin in mode %s are those of the reference, bit for bit', async (mode) => {
  for (const [rows, columns] of [
    [1, 1],
    [7, 33],
    [130, 64],
  ] as const) {
    const weight = matrix(rows, columns);
    const [score, expected] = await both(mode, [wandaScoreKernel as unknown as Row, wandaScoreTwin], {
      weight,
      norm: { values: matrix(1, columns, 9).values, shape: [columns] },
    });
    expect(bits(score)).toBe(bits(expected));
    const [size, expectedSize] = await both(mode, [magnitudeKernel as unknown as Row, magnitudeTwin], { weight });
    expect(bits(size)).toBe(bits(expectedSize));
  }
});

test.each(modes)('column sums of the twin in mode %s are near those in float64', async (mode) => {
  for (const [rows, columns] of [
    [1, 1],
    [64, 3],
    [1537, 5],
    [70_001, 2],
  ] as const) {
    const scores = matrix(rows, columns);
    const [found] = await both(mode, [columnSumsKernel as unknown as Row, columnSumsTwin], { scores });
    const exact = Array.from({ length: columns }, (_, j) =>
      Array.from(scores.values).reduce((sum, value, i) => (i % columns === j ? sum + Math.abs(value) : sum), 0),
    );
    exact.forEach((sum, j) => expect(Math.abs(found[j]! / sum - 1)).toBeLessThan(1e-6));
  }
});

test.each(modes)('row sums of the twin in mode %s are near those in float64', async (mode) => {
  for (const [rows, columns] of [
    [1, 1],
    [3, 64],
    [5, 1537],
    [2, 70_001],
  ] as const) {
    const scores = matrix(rows, columns);
    const [found] = await both(mode, [rowSumsKernel as unknown as Row, rowSumsTwin], { scores });
    const exact = Array.from({ length: rows }, (_, row) =>
      Array.from(scores.values.subarray(row * columns, (row + 1) * columns)).reduce((sum, value) => sum + Math.abs(value), 0),
    );
    exact.forEach((sum, row) => expect(Math.abs(found[row]! / sum - 1)).toBeLessThan(1e-6));
  }
});

test.each(modes)('blocks that the twin in mode %s dequantises are those of the reference, bit for bit', async (mode) => {
  for (const type of Object.keys(BLOCK_TYPES) as BlockTypeName[]) {
    const { number, blockBytes, halves } = BLOCK_TYPES[type];
    const bytes = Uint8Array.from({ length: 11 * blockBytes }, (_, i) => (i * 89 + 7) % 256);
    // float16 numbers between 2⁻⁸ and 2 of either sign.
    for (let block = 0; block < 11; block++)
      for (let half = 0; half < halves; half++) bytes[block * blockBytes + 2 * half + 1] = 0x1c + ((block * 5) % 32) + 128 * (half ^ (block & 1));
    const [found, expected] = await both(
      mode,
      [dequantiseKernel as unknown as Row, dequantiseTwin],
      { blocks: { values: bytes, shape: [bytes.length] } },
      { type: number },
    );
    expect(bits(found)).toBe(bits(expected));
  }
});

test('a result is left as it is by the next call, and by those of other sizes', async () => {
  const call = (count: number, value: number): Parameters<typeof twinValues>[1] =>
    magnitudeTwin.call({ weight: { values: new Float32Array(count).fill(value), shape: [count] } }, {});
  for (const mode of modes) {
    const first = await twinValues(mode, call(3, -1));
    for (let size = 3; size < 16; size++) await twinValues(mode, call(size, 2));
    expect(Array.from(first)).toEqual([1, 1, 1]);
    expect(Array.from(await twinValues(mode, call(3, -4)))).toEqual([4, 4, 4]);
  }
});

test('a twin runs on the backends that it is quicker on, and leaves no tensor behind', async () => {
  const registered = (row: string): string[] => ['wasm', 'cpu'].filter((backend) => tf.getKernel(row, backend) !== undefined);
  expect(['ChopKeepNofM', 'ChopWandaScore', 'ChopMagnitude'].map(registered)).toEqual([['wasm', 'cpu'], ['cpu'], []]);
  for (const backend of ['wasm', 'cpu']) {
    await tf.setBackend(backend);
    const scores = tf.tensor2d([[1, 1, 1, 1, 0, 3, 2, 3]]);
    const before = tf.memory().numTensors;
    const mask = keepNofMKernel({ scores }, { n: 2, m: 4 });
    expect([mask.dtype, mask.shape, Array.from(mask.dataSync())]).toEqual(['bool', [1, 8], [1, 1, 0, 0, 0, 1, 0, 1]]);
    mask.dispose();
    expect(tf.memory().numTensors).toBe(before);
    scores.dispose();
  }
});
