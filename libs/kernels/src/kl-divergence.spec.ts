import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, sampleData, type KernelCase } from './conformance.js';
import { klDivergence } from './kl-divergence.js';

const backends = await startBackends();

function softmax(logits: readonly number[], temperature: number): number[] {
  const exponentials = logits.map((logit) => Math.exp(logit / temperature));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}

function between(title: string, n: number, vocab: number, temperature: number): KernelCase {
  return {
    title,
    inputs: { student: sampleData([n, vocab], 41), teacher: sampleData([n, vocab], 42) },
    run: ({ student, teacher }) => klDivergence(student!, teacher!, { temperature }),
    oracle: ({ student, teacher }) =>
      Array.from({ length: n }, (_, row) => {
        const [s, t] = [student, teacher].map((logits) => softmax(logits!.slice(row * vocab, (row + 1) * vocab), temperature)) as [number[], number[]];
        return t.reduce((sum, probability, i) => sum + probability * Math.log(probability / s[i]!), 0);
      }),
    shape: [n],
    gradients: ['student'],
  };
}

test.each(backends)('klDivergence is KL(teacher ‖ student) per row, with the gradient to the student, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('klDivergence', [
    between('temperature 1', 4, 9, 1),
    between('temperature 2', 3, 5, 2),
    between('cold, one row', 1, 3, 0.5),
    between('one word', 2, 1, 1),
  ]);
});

test.each(backends)('equal logits diverge by nothing, however large, on %s', async (backend) => {
  const logits = [3000, -3000, 0, 1, 2, 3];
  const row = (): tf.Tensor => tf.tensor2d(logits, [2, 3]);
  expect(await numbersOn(backend, () => klDivergence(row(), row(), { temperature: 1 }))).toEqual([0, 0]);
});

test('no gradient reaches the teacher', () => {
  const teacher = tf.tensor2d([[1, 2]]);
  expect(() => tf.grad((t) => tf.sum(klDivergence(tf.tensor2d([[2, 1]]), t, { temperature: 1 })))(teacher)).toThrow(/gradient/);
});

test('klDivergence refuses another vocabulary', () => {
  expect(() => klDivergence(tf.zeros([2, 3]), tf.zeros([2, 4]), { temperature: 1 })).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});
