import { drive, MethodSession, Random, type Model } from '@chop/core';
import { addSensitivity, columnSums, platonScore, platonUpdate, startEngine } from '@chop/kernels';
import { distillLogits } from '@chop/distill-logits';
import { wanda } from '@chop/wanda';
import { backward, lossTerms, outputs, trainOptions, update } from '@chop/training';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { batchOf, floats, golden, norm, relativeError, tinyModel, tinyTensors } from './golden.js';

interface Tiny {
  config: Record<string, unknown>;
  ids: number[][][];
  last_logits: number[][];
  loss: number;
  grad_norm: Record<string, number>;
  grad_norm_total: number;
  adamw: { lr: number; betas: [number, number]; eps: number; weight_decay: number; loss_after: number[] };
  lion: { lr: number; betas: [number, number]; weight_decay: number; loss_after: number[] };
  distillation: { temperature: number; loss: number; kl_per_token: number[][]; grad_norm: Record<string, number> };
  platon: { beta1: number; beta2: number; weight: string; column_l1: number[] };
}

const tiny = golden<Tiny>('tiny.json');
let tensors: Awaited<ReturnType<typeof tinyTensors>>;

beforeAll(async () => {
  await startEngine();
  tensors = await tinyTensors();
});

const fresh = (prefix: 'model' | 'teacher' = 'model'): Model => tinyModel(tiny.config, tensors, prefix);
const lossOf = (model: Model): number => tf.tidy(() => lossTerms(model, batchOf(tiny.ids[0]!))['lm']!.dataSync()[0]!);

describe('tiny Llama against PyTorch', () => {
  test('logits of every position', () => {
    const model = fresh();
    const logits = tf.tidy(() => model.forward(batchOf(tiny.ids[0]!).ids).dataSync());
    expect(relativeError(logits, floats(tensors, 'logits'))).toBeLessThan(1e-4);
    const [rows, positions, vocab] = [tiny.ids[0]!.length, tiny.ids[0]![0]!.length, tiny.config['vocab_size'] as number];
    for (let row = 0; row < rows; row++) {
      const last = logits.subarray(((row + 1) * positions - 1) * vocab, (row + 1) * positions * vocab);
      expect(relativeError(last, tiny.last_logits[row]!)).toBeLessThan(1e-4);
    }
  });

  test('loss and every gradient', async () => {
    const model = fresh();
    const { gradients, terms } = await backward(model, batchOf(tiny.ids[0]!));
    expect(Math.abs(terms['lm']! - tiny.loss)).toBeLessThan(1e-5);
    expect([...gradients.keys()].sort()).toEqual(Object.keys(tiny.grad_norm).sort());
    for (const [name, gradient] of gradients) {
      expect(relativeError(gradient.dataSync(), floats(tensors, `grad/${name}`))).toBeLessThan(1e-4);
      expect(norm(gradient.dataSync()) / tiny.grad_norm[name]! - 1).toBeCloseTo(0, 4);
    }
    const total = norm([...gradients.values()].map((gradient) => norm(gradient.dataSync())));
    expect(Math.abs(total / tiny.grad_norm_total - 1)).toBeLessThan(1e-4);
  });

  test.each(['adamw', 'lion'] as const)('three steps of %s', async (optimizer) => {
    const model = fresh();
    const { lr, betas, weight_decay: weightDecay, loss_after } = tiny[optimizer];
    const options = trainOptions.parse({ steps: 3, optimizer, lr, betas, weightDecay });
    for (const [step, ids] of tiny.ids.entries()) {
      const { gradients } = await backward(model, batchOf(ids));
      update(model, gradients, options, { lr, index: step + 1, factor: 1 });
      expect(Math.abs(lossOf(model) - loss_after[step]!)).toBeLessThan(1e-5);
      const prefix = `${optimizer}/${step + 1}/`;
      for (const key of tensors.keys()) {
        if (!key.startsWith(prefix)) continue;
        const found = model.value(key.slice(prefix.length)).dataSync();
        const expected = floats(tensors, key);
        const near = expected.filter((value, i) => Math.abs(found[i]! - value) < 1e-6).length;
        expect(near / expected.length).toBeGreaterThanOrEqual(0.995);
      }
    }
  });

  test('distillation: divergence per token, its loss and gradients; the teacher keeps every byte', async () => {
    const [student, teacher] = [fresh(), fresh('teacher')];
    const { temperature, loss, kl_per_token, grad_norm } = tiny.distillation;
    const before = teacher.names.map((name) => teacher.value(name).dataSync().slice());
    const distillation = { ...distillLogits({ temperature, weight: 1, teacher }), options: { temperature, weight: 1 } };
    const { gradients, terms } = await backward(student, batchOf(tiny.ids[0]!), { distillation });
    expect(terms['lm']).toBe(0);
    expect(Math.abs(terms['distill']! - loss)).toBeLessThan(1e-5);
    for (const [name, gradient] of gradients) expect(Math.abs(norm(gradient.dataSync()) / grad_norm[name]! - 1)).toBeLessThan(1e-3);
    teacher.names.forEach((name, i) => expect(Buffer.compare(Buffer.from(teacher.value(name).dataSync().buffer), Buffer.from(before[i]!.buffer))).toBe(0));

    const rows = tf.tidy(() => {
      const batch = batchOf(tiny.ids[0]!);
      const [s, t] = [outputs(student, batch, []), outputs(teacher, batch, [])];
      return distillLogits.method.terms({ lm: tf.scalar(0), student: s, teacher: t }, { temperature, weight: 1 })['distill']!.dataSync()[0]! / temperature ** 2;
    });
    const predicting = kl_per_token.flatMap((row) => row.slice(0, -1));
    expect(Math.abs(rows / (predicting.reduce((sum, value) => sum + value, 0) / predicting.length) - 1)).toBeLessThan(1e-4);
  });

  test("PLATON's scores over three batches", async () => {
    const model = fresh();
    const { beta1, beta2, weight, column_l1 } = tiny.platon;
    const zeros = (): tf.Variable => tf.variable(tf.zerosLike(model.value(weight)));
    const state = { smooth: zeros(), uncertain: zeros() };
    for (const ids of tiny.ids) {
      const { gradients } = await backward(model, batchOf(ids));
      const own = zeros();
      addSensitivity(own, model.value(weight), gradients.get(weight)!);
      platonUpdate(state, own, { beta1, beta2 });
    }
    const score = platonScore(state);
    expect(relativeError(score.dataSync(), floats(tensors, `platon/${weight}`))).toBeLessThan(1e-4);
    expect(relativeError(columnSums(score).dataSync(), column_l1)).toBeLessThan(1e-4);
  });

  test('Wanda 2:4 masks of block 1, nothing pruned before', async () => {
    const model = fresh();
    const text = async (): Promise<Int32Array[]> => tiny.ids[0]!.map((row) => Int32Array.from(row));
    const session = new MethodSession({ model, text, random: () => new Random(0) });
    // The reference scores block 1 on inputs that no pruning has touched: only its masks are let through.
    const edits = wanda.method.plan(session, { pattern: { n: 2, m: 4 } });
    async function* ofBlockOne() {
      for await (const edit of edits) if ('mask' in edit && edit.mask.startsWith('model.layers.1.')) yield edit;
    }
    const plan = await drive(ofBlockOne(), session);
    const references = [...tensors.keys()].filter((key) => key.startsWith('wanda/'));
    expect(references.length).toBe(7);
    for (const key of references) {
      const mask = plan.masks.get(key.slice('wanda/'.length))!;
      expect(Buffer.compare(Buffer.from(mask.unpack()), Buffer.from(tensors.get(key)!.bytes))).toBe(0);
      const value = model.value(key.slice('wanda/'.length)).dataSync();
      expect(value.every((weight, i) => mask.has(i) || weight === 0)).toBe(true);
    }
  });
});
