import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { changedAlone, hasNative } from '../test/alone.js';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, sampleData, type KernelCase, type KernelData } from './conformance.js';
import { geglu, gelu, type GeluOptions } from './gelu.js';

const backends = await startBackends();
const FORMS = ['none', 'tanh'] as const;

/** x Φ(x) by Simpson's rule over the density, or the approximation as the paper writes it. */
function exact(x: number, { approximate }: GeluOptions): number {
  if (approximate === 'tanh') return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  const steps = 300;
  const h = x / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) sum += (i === 0 || i === steps ? 1 : i % 2 ? 4 : 2) * Math.exp(-((i * h) ** 2) / 2);
  return x * (0.5 + (sum * h) / 3 / Math.sqrt(2 * Math.PI));
}

const FAR: KernelData = { values: [-20, -6, -3, -1e-3, 0, 1e-3, 3, 6, 20], shape: [9] };

test.each(backends)('gelu is x Φ(x) or its approximation, with its gradient, on %s', async (backend) => {
  await tf.setBackend(backend);
  for (const approximate of FORMS)
    checkKernel(
      'gelu',
      [sampleData([2, 5], 61), sampleData([1], 62), FAR].map((x): KernelCase => ({
        title: `${approximate} of [${x.shape}]`,
        inputs: { x },
        run: (given) => gelu(given['x']!, { approximate }),
        oracle: (given) => given['x']!.map((value) => exact(value, { approximate })),
        shape: x.shape,
        gradients: ['x'],
      })),
    );
});

test.each(backends)('geglu is gelu(gate) · up, with its gradients, on %s', async (backend) => {
  await tf.setBackend(backend);
  for (const approximate of FORMS)
    checkKernel(
      'geglu',
      [sampleData([2, 5], 63), sampleData([1], 64)].map((gate): KernelCase => ({
        title: `${approximate} of [${gate.shape}]`,
        inputs: { gate, up: sampleData(gate.shape, 65) },
        run: ({ gate: of, up }) => geglu(of!, up!, { approximate }),
        oracle: ({ gate: of, up }) => of!.map((value, i) => exact(value, { approximate }) * up![i]!),
        shape: gate.shape,
        gradients: ['gate', 'up'],
      })),
    );
});

test.each(backends)('gelu equals PyTorch, on %s', async (backend) => {
  // torch 2.9: F.gelu(torch.tensor([-3., -1., -0.1, 0.5, 2.]), approximate=…), float32.
  const torch = {
    none: [-0.004049867391586304, -0.1586552858352661, -0.04601721093058586, 0.3457311987876892, 1.9544999599456787],
    tanh: [-0.0036374330520629883, -0.15880799293518066, -0.046017248183488846, 0.3457140028476715, 1.9545977115631104],
  };
  for (const approximate of FORMS) {
    const found = await numbersOn(backend, () => gelu(tf.tensor1d([-3, -1, -0.1, 0.5, 2]), { approximate }));
    found.forEach((value, i) => expect(Math.abs(value - torch[approximate][i]!)).toBeLessThan(3e-7));
  }
});

test.each(backends)('gelu carries infinity and no-number on, on %s', async (backend) => {
  for (const approximate of FORMS)
    expect(await numbersOn(backend, () => gelu(tf.tensor1d([Infinity, Number.NaN, 1e4]), { approximate }))).toEqual([Infinity, Number.NaN, 1e4]);
});

if (hasNative('Gelu'))
  test.each(FORMS)('gelu, geglu and their gradients give the same bits whatever rows are computed together: %s', async (approximate) => {
    const [alone, gated] = [(x: tf.Tensor) => gelu(x, { approximate }), (x: tf.Tensor) => geglu(x, tf.mul(x, 3), { approximate })];
    for (const run of [alone, gated, tf.grad(alone), tf.grad(gated)]) expect(await changedAlone(37, (x) => run(x))).toEqual([]);
  });

test('geglu refuses halves of different shape', () => {
  expect(() => geglu(tf.zeros([2, 3]), tf.zeros([3]), { approximate: 'none' })).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});
