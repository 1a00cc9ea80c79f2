import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { numbersOn, startBackends } from '../test/backends.js';
import { checkKernel, type KernelCase, sampleData } from './conformance.js';
import { klDivergence } from './kl-divergence.js';
import { projection } from './projection.js';

const backends = await startBackends();

/** softmax(hidden · weightᵀ / temperature) of one row, in float64. */
function distribution(hidden: readonly number[], weight: readonly number[], temperature: number): number[] {
  const width = hidden.length;
  const logits = Array.from({ length: weight.length / width }, (_, word) =>
    hidden.reduce((sum, value, i) => sum + (value * weight[word * width + i]!) / temperature, 0),
  );
  const exponentials = logits.map((logit) => Math.exp(logit));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}

function between(title: string, { n, vocab, temperature, weights }: { n: number; vocab: number; temperature: number; weights?: number[] }): KernelCase {
  const [width, teacherWidth] = [3, 5];
  return {
    title,
    inputs: {
      hidden: sampleData([n, width], 41),
      weight: sampleData([vocab, width], 42),
      teacherHidden: sampleData([n, teacherWidth], 43),
      teacherWeight: sampleData([vocab, teacherWidth], 44),
      ...(weights ? { weights: { shape: [n], values: weights } } : {}),
    },
    run: ({ hidden, weight, teacherHidden, teacherWeight, weights: given }) =>
      klDivergence(projection(hidden!, weight!), projection(teacherHidden!, teacherWeight!), { temperature, ...(given ? { weights: given } : {}) }),
    oracle: ({ hidden, weight, teacherHidden, teacherWeight, weights: given = Array<number>(n).fill(1) }) => {
      const rows = Array.from({ length: n }, (_, row) => {
        const student = distribution(hidden!.slice(row * width, (row + 1) * width), weight!, temperature);
        const teacher = distribution(teacherHidden!.slice(row * teacherWidth, (row + 1) * teacherWidth), teacherWeight!, temperature);
        return given[row]! * teacher.reduce((sum, probability, i) => sum + probability * Math.log(probability / student[i]!), 0);
      });
      return [rows.reduce((sum, value) => sum + value, 0) / given.reduce((sum, value) => sum + value, 0)];
    },
    shape: [],
    gradients: ['hidden', 'weight'],
  };
}

test.each(backends)('klDivergence is the mean of KL(teacher ‖ student), with the gradient to the student, on %s', async (backend) => {
  await tf.setBackend(backend);
  checkKernel('klDivergence', [
    between('temperature 1', { n: 4, vocab: 9, temperature: 1 }),
    between('temperature 2', { n: 3, vocab: 5, temperature: 2 }),
    between('one row', { n: 1, vocab: 3, temperature: 1.5 }),
    between('one word', { n: 2, vocab: 1, temperature: 1 }),
    between('a row left out, one half', { n: 3, vocab: 4, temperature: 1, weights: [1, 0, 0.5] }),
  ]);
});

test.each(backends)('equal logits diverge by nothing, however large, on %s', async (backend) => {
  const same = () => projection(tf.tensor2d([[3000], [-3000]]), tf.tensor2d([[1], [-1], [0.5]])); // prettier-ignore
  expect(await numbersOn(backend, () => klDivergence(same(), same(), { temperature: 1 }))).toEqual([0]);
});

test('no gradient reaches the teacher', () => {
  const student = projection(tf.tensor2d([[2, 1]]), tf.tensor2d([[1, 0], [0, 1]])); // prettier-ignore
  expect(() => tf.grad((t) => klDivergence(student, projection(t, tf.tensor2d([[1, 0], [0, 2]])), { temperature: 1 }))(tf.tensor2d([[1, 2]]))).toThrow(/gradient/); // prettier-ignore
});

test('klDivergence refuses another vocabulary', () => {
  const of = (vocab: number) => projection(tf.zeros([2, 3]), tf.zeros([vocab, 3]));
  expect(() => klDivergence(of(5), of(4), { temperature: 1 })).toThrow(expect.objectContaining({ code: 'KERNEL_SHAPE' }));
});
