import { afterEach, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { startBackends } from '../test/backends.js';
import { checkKernel } from './conformance.js';
import { defineKernel } from './kernel.js';

await startBackends();
await tf.setBackend('cpu');

const triple = defineKernel({
  name: 'Triple',
  reference: ({ x }: { x: tf.Tensor; extra: tf.Tensor | undefined }, { plus }: { plus: number }) => tf.tidy(() => tf.add(tf.mul(x, 3), plus)),
});
const run = (x: tf.Tensor): tf.Tensor => triple({ x, extra: undefined }, { plus: 1 });

afterEach(() => {
  if (tf.getKernel('ChopTriple', 'cpu') !== undefined) tf.unregisterKernel('ChopTriple', 'cpu');
});

test('a row without a sibling runs its reference, and the tape differentiates it', () => {
  expect(Array.from(run(tf.tensor1d([1, 2])).dataSync())).toEqual([4, 7]);
  expect(
    Array.from(
      tf
        .grad((x) => tf.sum(run(x)))(tf.tensor1d([1, 2]))
        .dataSync(),
    ),
  ).toEqual([3, 3]);
});

test('a sibling registered for the backend replaces the reference there, its gradient too', async () => {
  const seen: unknown[] = [];
  tf.registerKernel({
    kernelName: 'ChopTriple',
    backendName: 'cpu',
    kernelFunc: ({ inputs, attrs }) => {
      seen.push(Object.keys(inputs), attrs);
      return tf.fill((inputs['x'] as tf.Tensor).shape, 9);
    },
  });
  tf.registerGradient({ kernelName: 'ChopTriple', inputsToSave: ['x'], gradFunc: (_, [x]) => ({ x: () => tf.fill(x!.shape, 5) }) });
  expect(Array.from(run(tf.tensor1d([1, 2])).dataSync())).toEqual([9, 9]);
  expect(seen).toEqual([['x'], { plus: 1 }]);
  expect(
    Array.from(
      tf
        .grad((x) => tf.sum(run(x)))(tf.tensor1d([1, 2]))
        .dataSync(),
    ),
  ).toEqual([5, 5]);
  await tf.setBackend('wasm');
  expect(Array.from(run(tf.tensor1d([1, 2])).dataSync())).toEqual([4, 7]);
  await tf.setBackend('cpu');
});

const doubled = {
  title: 'two values',
  inputs: { x: { shape: [2], values: [1, 2] } },
  oracle: ({ x }: Readonly<Record<string, readonly number[]>>) => x!.map((value) => 2 * value * value),
  shape: [2],
  gradients: ['x'],
};

test('conformance accepts what agrees and names the element that does not', () => {
  checkKernel('double', [{ ...doubled, run: ({ x }) => tf.tidy(() => tf.mul(tf.square(x!), 2)) }]);
  expect(() => checkKernel('double', [{ ...doubled, run: ({ x }) => tf.tidy(() => tf.mul(tf.square(x!), tf.tensor1d([2, 2.1]))) }])).toThrow(
    /double, two values, on cpu: element 1 is 8\.39/,
  );
  expect(() => checkKernel('double', [{ ...doubled, run: () => tf.tensor1d([2, Number.NaN]) }])).toThrow(/element 1 is NaN/);
});

test('conformance refuses a wrong gradient, a wrong shape, a leak and an input written to', () => {
  const cut = tf.customGrad((x) => ({ value: tf.mul(tf.square(x as tf.Tensor), 2), gradFunc: (dy) => dy }));
  expect(() => checkKernel('double', [{ ...doubled, run: ({ x }) => tf.tidy(() => cut(x!)) }])).toThrow(/gradient of x: element/);
  expect(() => checkKernel('double', [{ ...doubled, run: ({ x }) => tf.reshape(x!, [1, 2]) }])).toThrow(/shape \[1,2\]/);
  expect(() => checkKernel('double', [{ ...doubled, gradients: [], run: ({ x }) => tf.mul(tf.square(x!), 2) }])).toThrow(/1 tensors left behind/);
  const writing = (x: tf.Tensor): tf.Tensor => {
    const result = tf.tidy(() => tf.mul(tf.square(x), 2));
    x.dataSync()[0] = 7;
    return result;
  };
  expect(() => checkKernel('double', [{ ...doubled, gradients: [], run: ({ x }) => writing(x!) }])).toThrow(/x afterwards: element 0 is 7/);
});
