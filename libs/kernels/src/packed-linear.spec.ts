import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { hasNative } from '../test/alone.js';
import { startBackends } from '../test/backends.js';
import { checkKernel, sampleData, type KernelCase } from './conformance.js';
import { hearCalls } from './kernel.js';
import { linear } from './linear.js';
import { packedGatedLinear, packedLinear } from './packed-linear.js';
import { packWeights, withPackedWeights } from './packed-weights.js';
import { withFloatChains, withPrecision } from './precision.js';
import { swiglu } from './swiglu.js';
import { packTwoOfFour, type TwoOfFour, unpackTwoOfFour } from './two-of-four.js';
import { valueAndGradients } from './tape.js';

const backends = await startBackends();
const native = hasNative('PackedLinear');

/** Random values with two of every four zero, some groups emptier; the pairs go through all six. */
function sparse(out: number, inputs: number, seed: number): number[] {
  const pairs = [0b0011, 0b0101, 0b1001, 0b0110, 0b1010, 0b1100, 0b0001, 0b1000, 0b0000];
  return sampleData([out, inputs], seed).values.map((value, i) => ((pairs[((i >> 2) * 7 + (i >> 5)) % pairs.length]! >> (i & 3)) & 1 ? value : 0));
}

const dense = (out: number, inputs: number, seed: number): tf.Tensor2D => tf.tensor2d(sparse(out, inputs, seed), [out, inputs]);
const numbers = (tensor: tf.Tensor): number[] => Array.from(tensor.dataSync());

function product(title: string, leading: number[], inputs: number, out: number, biased = false): KernelCase {
  const rows = leading.reduce((all, size) => all * size, 1);
  return {
    title,
    inputs: {
      x: sampleData([...leading, inputs], 1),
      weight: { shape: [out, inputs], values: sparse(out, inputs, 2) },
      ...(biased ? { bias: sampleData([out], 3) } : {}),
    },
    run: ({ x, weight, bias }) => tf.tidy(() => packedLinear(x!, packTwoOfFour(weight!), bias)),
    oracle: ({ x, weight, bias }) =>
      Array.from({ length: rows * out }, (_, at) => {
        const [row, output] = [Math.floor(at / out), at % out];
        let sum = bias?.[output] ?? 0;
        for (let i = 0; i < inputs; i++) sum += x![row * inputs + i]! * weight![output * inputs + i]!;
        return sum;
      }),
    shape: [...leading, out],
  };
}

test.each(backends)('packedLinear is x Wᵀ + b of the dense weight, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('packedLinear', [
    product('tokens', [2, 3], 8, 7),
    product('one group, one output', [1], 4, 1),
    product('a single vector, with a bias', [], 36, 9, true),
    product('as many tokens as fill lanes, and one more', [97], 68, 19, true),
  ]);
});

describe.each(backends)('the packed form, on %s', (backend) => {
  test('holds what a 2:4 matrix holds, and nothing else', async () => {
    await tf.setBackend(backend);
    const before = tf.memory().numTensors;
    for (const [out, inputs] of [
      [1, 4],
      [3, 28],
      [5, 32],
      [2, 36],
      [7, 132],
    ] as const) {
      const weight = dense(out, inputs, 5);
      const packed = packTwoOfFour(weight);
      expect([packed.values.shape, packed.positions.shape]).toEqual([
        [out, inputs / 2],
        [out, Math.ceil(inputs / 32)],
      ]);
      const again = unpackTwoOfFour(packed);
      expect(numbers(again)).toEqual(numbers(weight));
      tf.dispose([weight, again, { ...packed }]);
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  test('has values in the order of the inputs, and bytes of two-bit positions; zeros at the first free inputs fill a group up', async () => {
    await tf.setBackend(backend);
    const { values, positions } = packTwoOfFour(tf.tensor2d([[0, 7, 0, 9, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 3, 4, 0, 0, 1, NaN]]));
    expect(numbers(values)).toEqual([7, 9, 0, 5, 0, 0, 3, 4, 1, NaN]);
    const bytes = [0b1000_1101, 0b1110_0100, 0b1110, 0]; // 1,3 | 0,2 · 0,1 | 2,3 · 2,3
    expect([...new Uint8Array(Int32Array.from(numbers(positions)).buffer)]).toEqual(bytes);
  });

  test('the last position of a word is no sign', async () => {
    await tf.setBackend(backend);
    const weight = tf.tensor2d(
      Array.from({ length: 64 }, (_, i) => (i % 4 >= 2 ? i : 0)),
      [2, 32],
    );
    expect(numbers(unpackTwoOfFour(packTwoOfFour(weight)))).toEqual(numbers(weight));
  });

  test('a third weight in a group is refused, the first such group named', async () => {
    await tf.setBackend(backend);
    const weight = tf.tensor2d([...Array<number>(12).fill(0), 1, 1, 0, 0, 0, 1, 2, 3, 1, 1, 1, 1], [3, 8]);
    expect(() => packTwoOfFour(weight)).toThrow(
      expect.objectContaining({ code: 'KERNEL_TWO_OF_FOUR', message: expect.stringContaining('row 2, inputs 0 to 3') }),
    );
    expect(() => packTwoOfFour(tf.zeros([2, 6]))).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
  });

  test('of many rows that are too full the first is named, whoever comes to which first', async () => {
    await tf.setBackend(backend);
    const [rows, inputs, first] = [600, 64, 211];
    const values = Array.from({ length: rows * inputs }, (_, i) => (i >= first * inputs + 8 ? 1 : 0));
    expect(() => packTwoOfFour(tf.tensor2d(values, [rows, inputs]))).toThrow(/row 211, inputs 8 to 11/);
    expect(() => packTwoOfFour(tf.ones([rows, inputs]))).toThrow(/row 0, inputs 0 to 3/);
  });
});

test('packed products refuse another number of inputs, positions of another weight, another bias and two weights that differ', () => {
  const packed = packTwoOfFour(dense(3, 8, 1));
  expect(() => packedLinear(tf.zeros([2, 4]), packed)).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
  expect(() => packedLinear(tf.zeros([2, 8]), { ...packed, positions: tf.zeros([3, 2], 'int32') })).toThrow(/positions int32 \[3, 2\]/);
  expect(() => packedLinear(tf.zeros([2, 8]), packed, tf.zeros([4]))).toThrow(/bias \[4\]/);
  const other = packTwoOfFour(dense(4, 8, 1));
  expect(() => packedGatedLinear(tf.zeros([2, 8]), packed, other)).toThrow(/gate and up of the same shape/);
  expect(() => packedGatedLinear(tf.zeros([2, 4]), packed, packed)).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});

/** As fast as the processor can, and by chains of floats. */
const WAYS = [<T>(run: () => T): T => run(), withFloatChains];

if (native)
  describe('the native product', () => {
    test.each([
      [1, 4],
      [7, 36],
      [65, 68],
      [9, 1060],
      [130, 2052],
      [3100, 4],
      [1000, 576],
      [0, 8],
    ])('of a weight [%i, %i] is that of the dense weight to the bit, however many rows are computed together', async (out, inputs) => {
      await tf.setBackend('tensorflow');
      const weight = dense(out, inputs, 8);
      const packed = packTwoOfFour(weight);
      const [all, bias] = [tf.tensor2d([...sampleData([97, inputs], 9).values], [97, inputs]), tf.tensor1d([...sampleData([out], 4).values])];
      for (const way of WAYS) {
        const expected = way(() => numbers(linear(all, weight, bias)));
        for (const rows of [1, 2, 6, 7, 24, 25, 33, 48, 49, 97])
          expect(way(() => numbers(packedLinear(tf.slice(all, [0, 0], [rows, inputs]), packed, bias)))).toEqual(expected.slice(0, rows * out));
      }
    });

    test.each([
      [1, 4],
      [65, 68],
      [9, 1060],
      [130, 2052],
      [0, 8],
    ])('of two weights [%i, %i] gives what its parts give to the bit, however many rows are computed together', async (out, inputs) => {
      await tf.setBackend('tensorflow');
      const [gate, up] = [dense(out, inputs, 8), dense(out, inputs, 9)].map((weight) => packTwoOfFour(weight)) as [TwoOfFour, TwoOfFour];
      const all = tf.tensor2d([...sampleData([97, inputs], 9).values], [97, inputs]);
      for (const way of WAYS) {
        const expected = way(() => numbers(swiglu(packedLinear(all, gate), packedLinear(all, up))));
        for (const rows of [1, 2, 6, 7, 24, 25, 33, 48, 49, 97])
          expect(way(() => numbers(packedGatedLinear(tf.slice(all, [0, 0], [rows, inputs]), gate, up)))).toEqual(expected.slice(0, rows * out));
      }
    });

    test('lets what is no number through where values stand, and nowhere else', async () => {
      await tf.setBackend('tensorflow');
      const packed = packTwoOfFour(tf.tensor2d([1, 2, 0, 0, 0, 0, 3, 4], [2, 4]));
      for (const rows of [1, 8, 120]) {
        const x = tf.tile(tf.tensor2d([[NaN, 1, Infinity, 1]]), [rows, 1]);
        const expected = Array.from({ length: rows }, () => [NaN, Infinity]).flat();
        for (const way of WAYS)
          for (const bias of [undefined, tf.tensor1d([5, 6])]) expect(way(() => numbers(packedLinear(x, packed, bias)))).toEqual(expected);
        const ones = packTwoOfFour(tf.tensor2d([0, 1, 0, 1, 0, 1, 0, 1], [2, 4])); // 2, of numbers alone
        for (const way of WAYS) {
          expect(way(() => numbers(packedGatedLinear(x, packed, ones)))).toEqual(expected);
          expect(way(() => numbers(packedGatedLinear(x, ones, packed)))).toEqual(expected);
        }
      }
    });
  });

if (native)
  describe('packed twins, on the native engine', () => {
    const called = (run: () => tf.Tensor): string[] => tf.tidy(() => hearCalls(run).calls.map(({ kernel }) => kernel.name));

    test('linear multiplies by the twin of a 2:4 weight while it is there, and leaves nothing behind', async () => {
      await tf.setBackend('tensorflow');
      const [pruned, whole, odd] = [tf.variable(dense(5, 8, 3)), tf.variable(tf.ones([5, 8])), tf.variable(tf.zeros([5, 6]))];
      const x = tf.tensor2d([...sampleData([3, 8], 4).values], [3, 8]);
      const before = tf.memory().numTensors;
      const within = withPackedWeights([pruned, whole, odd], () => called(() => tf.add(linear(x, pruned), linear(x, whole))));
      expect(within).toEqual(['PackedLinear', 'Linear']);
      expect(called(() => linear(x, pruned))).toEqual(['Linear']);
      expect(tf.memory().numTensors).toBe(before);
    });

    test('a twin is not used once its weight has other memory, or a gradient or another precision is asked for', async () => {
      await tf.setBackend('tensorflow');
      const weight = tf.variable(dense(5, 8, 3));
      const x = tf.tensor2d([...sampleData([3, 8], 4).values], [3, 8]);
      const release = packWeights([weight]);
      weight.assign(tf.ones([5, 8]));
      expect(numbers(linear(x, weight))).toEqual(numbers(linear(x, tf.ones([5, 8]))));
      release();
      const other = tf.variable(dense(5, 8, 6));
      const forget = packWeights([other]);
      expect(withPrecision('bf16', () => called(() => linear(x, other)))).toEqual(['Linear']);
      const { gradients } = valueAndGradients(() => tf.sum(linear(x, other)) as tf.Scalar, [other]);
      expect(numbers(gradients[0]!)).toEqual(Array.from({ length: 5 }, () => numbers(tf.sum(x, 0))).flat());
      expect(called(() => linear(x, other))).toEqual(['Linear']);
      forget();
    });
  });
