import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { isOnGpu } from './alone.js';
import { startBackends } from './backends.js';
import { differences, NOT_ON, torchCases, unnoticed } from './pytorch.js';

/** float32 against PyTorch's float64, told with six digits; as in conformance.ts. */
const TOLERANCE = 2e-5;

const { torch, cases } = torchCases();
const measured: object[] = [];
let backends: string[];
/** The name of an engine in the table. */
const told = (backend: string): string => (backend === 'tensorflow' && isOnGpu() ? 'cuda' : backend);
beforeAll(async () => void (backends = await startBackends({ webgpu: true })));
// tools/conformance.mjs makes the table of docs/kernels.md out of it.
afterAll(() => {
  const file = process.env['CHOP_CONFORMANCE'];
  if (file) writeFileSync(file, JSON.stringify({ torch, backends: backends.map(told), measured }));
});

test.each(cases)('$kernel, $title: the numbers of PyTorch on every engine', async (one) => {
  for (const backend of backends.filter((name) => !NOT_ON[one.kernel]?.includes(name))) {
    await tf.setBackend(backend);
    const before = tf.memory().numTensors;
    const found = await differences(one);
    measured.push({ kernel: one.kernel, title: one.title, backend: told(backend), ...found });
    expect(found.results).toBeLessThan(TOLERANCE);
    expect(found.gradients ?? 0).toBeLessThan(TOLERANCE);
    expect(tf.memory().numTensors).toBe(before);
  }
});

test.each(cases.filter(({ gradients }) => Object.keys(gradients).length > 0))('$kernel, $title: a number that is none shows in the result', async (one) => {
  for (const backend of ['cpu', ...backends.filter((name) => name === 'tensorflow')]) {
    await tf.setBackend(backend);
    expect({ backend, unnoticed: unnoticed(one) }).toEqual({ backend, unnoticed: [] });
  }
});
