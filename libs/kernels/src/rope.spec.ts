import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { changedAlone, hasNative } from '../test/alone.js';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, sampleData, type KernelCase } from './conformance.js';
import { ropeTables } from './rope-tables.js';
import { rope, ropeKernel } from './rope.js';

const backends = await startBackends();

/** Each pair as a complex number, multiplied by e^(i · position · frequency). */
function turned(x: readonly number[], [, tokens, heads, inner]: number[], offset: number, theta: number): number[] {
  const half = inner! / 2;
  return x.map((value, at) => {
    const lane = at % inner!;
    const pair = lane % half;
    const position = offset + (Math.floor(at / (inner! * heads!)) % tokens!);
    const angle = position / theta ** ((2 * pair) / inner!);
    const partner = lane < half ? -x[at + half]! : x[at - half]!;
    return value * Math.cos(angle) + partner * Math.sin(angle);
  });
}

function at(title: string, shape: [number, number, number, number], offset: number, theta: number): KernelCase {
  return {
    title,
    inputs: { x: sampleData(shape, 11) },
    run: ({ x }) => tf.tidy(() => rope(x!, ropeTables({ positions: shape[1], offset, inner: shape[3], theta }))),
    oracle: ({ x }) => turned(x!, shape, offset, theta),
    shape,
    gradients: ['x'],
  };
}

test.each(backends)('rope turns the two halves of a head as complex numbers, with its gradient, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('rope', [
    at('tokens of three heads', [2, 5, 3, 6], 0, 10000),
    at('one token, one head, one pair', [1, 1, 1, 2], 3, 100),
    at('after a cache', [1, 3, 1, 8], 1000, 100000),
  ]);
});

test.each(backends)('rope with fewer pairs than a head has leaves the rest of it, with its gradient, on %s', async (backend) => {
  await tf.setBackend(backend);
  const shape: [number, number, number, number] = [2, 3, 2, 7];
  const heads = (x: readonly number[]): number[][] => Array.from({ length: x.length / 7 }, (_, head) => x.slice(head * 7, head * 7 + 7));
  const partly: KernelCase = {
    title: 'four of seven features',
    inputs: { x: sampleData(shape, 12) },
    run: ({ x }) => tf.tidy(() => rope(x!, ropeTables({ positions: 3, offset: 2, inner: 4, theta: 100 }))),
    oracle: ({ x }) => {
      const beginnings = turned(
        heads(x!).flatMap((head) => head.slice(0, 4)),
        [2, 3, 2, 4],
        2,
        100,
      );
      return heads(x!).flatMap((head, i) => [...beginnings.slice(i * 4, i * 4 + 4), ...head.slice(4)]);
    },
    shape,
    gradients: ['x'],
  };
  checkKernel('rope', [partly]);
});

test.each(backends)('rope carries a no-number on to its own pair only, on %s', async (backend) => {
  const tables = { positions: 1, offset: 2, inner: 4, theta: 10 };
  const found = await numbersOn(backend, () => rope(tf.tensor([Number.NaN, 1, 1, 1], [1, 1, 1, 4]), ropeTables(tables)));
  expect(found.map(Number.isNaN)).toEqual([true, false, true, false]);
});

if (hasNative('Rope')) {
  test('rope gives the same bits whatever tokens are turned together', async () => {
    const turn = (x: tf.Tensor): tf.Tensor => {
      const tokens = x.shape[0]!;
      return tf.reshape(rope(tf.reshape(x, [1, tokens, 3, 14]), ropeTables({ positions: tokens, inner: 14, theta: 10000 })), [tokens, 42]);
    };
    expect(await changedAlone(42, turn)).toEqual([]);
    expect(await changedAlone(42, (x) => tf.grad(turn)(x))).toEqual([]);
  });

  test('the native rope refuses tables of another shape', async () => {
    await tf.setBackend('tensorflow');
    expect(() => ropeKernel({ x: tf.zeros([1, 2, 1, 4]), cos: tf.zeros([2, 3]), sin: tf.zeros([2, 2]) }, {})).toThrow(/tables \[tokens, pairs\]/);
  });
}

test('rope refuses tables for another number of tokens', () => {
  expect(() => rope(tf.zeros([1, 3, 1, 4]), ropeTables({ positions: 2, inner: 4, theta: 10 }))).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});
