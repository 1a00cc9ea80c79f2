import { type Plan } from '@chop/core';
import { dimChop } from '@chop/dim-chop';
import { startEngine } from '@chop/kernels';
import { train, type TrainingEvent, trainOptions } from '@chop/training';
import { beforeAll, expect, test } from '@jest/globals';
import { golden, norm, tinyModel, tinyTensors } from './golden.js';

interface DimChopGolden {
  options: { sparsity: number; warmupSteps: number; every: number; endStep: number; steps: number; beta1: number; beta2: number; rate: number };
  optimizer: { name: 'adamw'; lr: number; betas: [number, number]; eps: number; weight_decay: number; clip: number };
  loss: number[];
  rounds: { step: number; masked: Record<string, number[]> }[];
  columns_returned: number;
  final_norm: Record<string, number>;
}

beforeAll(async () => void (await startEngine()));

test('DimCHOP on the tiny Llama: the loss of each step, the masked columns of every window, frozen at the end', async () => {
  const tiny = golden<{ config: Record<string, unknown>; ids: number[][][] }>('tiny.json');
  const reference = golden<DimChopGolden>('dim-chop.json');
  const model = tinyModel(tiny.config, await tinyTensors(), 'model');
  const { steps, ...options } = reference.options;
  const { lr, betas, eps, weight_decay: weightDecay, clip } = reference.optimizer;
  const [rows, window] = [tiny.ids[0]!.length, tiny.ids[0]![0]!.length];

  const method = dimChop.method;
  const rounds: { step: number; masked: Record<string, number[]> }[] = [];
  const events: TrainingEvent[] = [];
  const columnsOf = (name: string): number[] => {
    const values = model.value(name).dataSync();
    const [out, inputs] = model.blueprint.weight(name).shape as [number, number];
    return Array.from({ length: inputs }, (_, column) => column).filter((column) =>
      Array.from({ length: out }, (_, row) => values[row * inputs + column]).every((value) => value === 0),
    );
  };
  const watched = {
    method: Object.assign(Object.create(method) as typeof method, {
      async *plan(session: Parameters<typeof method.plan>[0], given: Parameters<typeof method.plan>[1]) {
        for await (const edit of method.plan(session, given)) {
          yield edit;
          if ('mask' in edit) {
            const step = session.budget.stepsDone;
            const round = rounds.at(-1)?.step === step ? rounds.at(-1)! : rounds[rounds.push({ step, masked: {} }) - 1]!;
            round.masked[edit.mask] = columnsOf(edit.mask);
          }
        }
      },
    }),
    options: { shared: [], ...options },
  };
  const plan: Plan = await train({
    model,
    options: trainOptions.parse({
      steps,
      batchSize: rows,
      window,
      optimizer: 'adamw',
      lr,
      betas,
      eps,
      weightDecay,
      clip,
      schedule: 'constant',
      warmupSteps: 0,
    }),
    batch: (index) => ({ ids: Int32Array.from(tiny.ids[index % tiny.ids.length]!.flat()), batchSize: rows, window }),
    pruner: watched,
    onEvent: (event) => events.push(event),
  });

  const losses = events.flatMap((event) => (event.type === 'step' ? [event.loss] : []));
  expect(losses.length).toBe(steps);
  losses.forEach((loss, step) => expect(Math.abs(loss - reference.loss[step]!)).toBeLessThan(1e-3));
  expect(rounds).toEqual(reference.rounds);
  const returned = rounds
    .slice(1)
    .flatMap(({ masked }, i) => Object.keys(masked).map((name) => rounds[i]!.masked[name]!.filter((column) => !masked[name]!.includes(column)).length));
  expect(returned.reduce((sum, count) => sum + count, 0)).toBe(reference.columns_returned);
  for (const [name, masked] of Object.entries(reference.rounds.at(-1)!.masked)) {
    expect(columnsOf(name)).toEqual(masked);
    expect(plan.masks.get(name)!.kept).toBe(plan.masks.get(name)!.total - masked.length * model.blueprint.weight(name).shape[0]!);
    expect(Math.abs(norm(model.value(name).dataSync()) / reference.final_norm[name]! - 1)).toBeLessThan(1e-3);
  }
});
