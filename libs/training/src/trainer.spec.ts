import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keep, type Model, pruner } from '@chop/core';
import { startEngine } from '@chop/kernels';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { answersOf, batchOf, family, stateOf, tinyBlueprint, tinyModel } from '../test/tiny.js';
import { trainOptions, type TrainOptionsInput } from './options.js';
import { SnapshotStore } from './snapshot.js';
import type { TrainingEvent } from './log.js';
import { train, type TrainingParts } from './trainer.js';

let base: string;
beforeAll(async () => {
  await startEngine();
  base = await mkdtemp(join(tmpdir(), 'chop-trainer-'));
});
afterAll(() => rm(base, { recursive: true }));
afterEach(() => tf.disposeVariables());

const options = (given: TrainOptionsInput) => trainOptions.parse({ batchSize: 2, window: 8, lr: 1e-2, ...given });

async function run(given: TrainOptionsInput, parts: Partial<TrainingParts> = {}): Promise<{ model: Model; events: TrainingEvent[]; losses: number[] }> {
  const all = options(given);
  const model = parts.model ?? (await tinyModel());
  const events: TrainingEvent[] = [];
  await train({ model, options: all, batch: batchOf(all.batchSize), ...parts, onEvent: (event) => events.push(event) });
  return { model, events, losses: events.flatMap((event) => (event.type === 'step' ? [event.loss] : [])) };
}

/** A pruner of one function. */
const method = (plan: Parameters<typeof pruner>[0]['plan']) =>
  pruner({ name: 'odd', description: 'Odd.', needs: 'training', options: z.strictObject({}), plan })();

describe('training', () => {
  test('two accumulated batches of one row are one batch of two rows', async () => {
    const [apart, together] = [await run({ steps: 4, batchSize: 1, accumulate: 2 }), await run({ steps: 4, batchSize: 2 })];
    apart.losses.forEach((loss, i) => expect(loss).toBeCloseTo(together.losses[i]!, 4));
    expect(apart.losses).toHaveLength(4);
    const expected = stateOf(together.model);
    for (const [key, values] of Object.entries(stateOf(apart.model)))
      if (key.endsWith(' value')) values.forEach((value, i) => expect(Math.abs(value - expected[key]![i]!)).toBeLessThan(1e-3));
  });

  test('a step of two accumulated batches whose answers differ in length is a step of one batch of both', async () => {
    // With an epsilon of 1 a step follows the size of its gradient; AdamW's own would show little but the sign.
    const step = { steps: 1, warmupSteps: 0, eps: 1, lr: 1 };
    const apart = await run({ ...step, batchSize: 2, accumulate: 2 }, { batch: answersOf(2) });
    const together = await run({ ...step, batchSize: 4 }, { batch: answersOf(4) });
    expect(Math.abs(apart.losses[0]! - together.losses[0]!)).toBeLessThan(1e-6);
    const [before, expected] = [stateOf(await tinyModel()), stateOf(together.model)];
    const changes: number[] = [];
    for (const [key, values] of Object.entries(stateOf(apart.model))) {
      values.forEach((value, i) => expect(Math.abs(value - expected[key]![i]!)).toBeLessThan(1e-6));
      if (key.endsWith(' value')) values.forEach((value, i) => changes.push(Math.abs(value - before[key]![i]!)));
    }
    expect(Math.max(...changes)).toBeGreaterThan(1e-2);
  });

  test('the loss of a text that comes again and again falls', async () => {
    const { losses } = await run({ steps: 20, warmupSteps: 0 }, { batch: () => batchOf(2)(0) });
    expect(losses.at(-1)!).toBeLessThan(0.7 * losses[0]!);
  });

  test('evaluations are told when they are due and at the end, and change nothing', async () => {
    const evaluate = async (model: Model) => ({ norm: tf.tidy(() => tf.norm(model.value('model.norm.weight')).dataSync()[0]!) });
    const [watched, alone] = [await run({ steps: 5, evalEvery: 32 }, { evaluate }), await run({ steps: 5 })];
    expect(watched.events.flatMap((event) => (event.type === 'evaluation' ? [event.step] : []))).toEqual([2, 4, 5]);
    expect(stateOf(watched.model)).toEqual(stateOf(alone.model));
  });

  test('a run that goes on from a snapshot ends with the same bytes', async () => {
    const whole = await run({ steps: 6 });
    const store = (name: string): SnapshotStore => new SnapshotStore(join(base, name), {}, 2);
    const stop = new AbortController();
    await expect(
      run(
        { steps: 6 },
        { snapshots: store('stopped'), signal: stop.signal, evaluate: async () => ({}), batch: (index) => (index === 2 && stop.abort(), batchOf(2)(index)) },
      ),
    ).rejects.toMatchObject({ code: 'INTERRUPTED', exitCode: 130, message: expect.stringContaining('after step 3 of 6') as unknown });
    const resumed = (await store('stopped').restore(family, tinyBlueprint))!;
    expect(resumed.step).toBe(3);
    const rest = await run({ steps: 6 }, { model: resumed.model, resumed });
    expect(stateOf(rest.model)).toEqual(stateOf(whole.model));
    expect(rest.losses).toEqual(whole.losses.slice(3));
  });

  test('a batch with a token that the model has no embedding for is refused', async () => {
    const batch: TrainingParts['batch'] = () => ({ ids: new Int32Array(16).fill(100_000), batchSize: 2, window: 8 });
    await expect(run({ steps: 1 }, { batch })).rejects.toMatchObject({ code: 'TOKEN_ID', exitCode: 2 });
  });

  test('a loss that is no number stops, naming the last snapshot; weights that are none make no snapshot', async () => {
    const absurd = { steps: 4, warmupSteps: 0, schedule: 'constant' as const, saveEvery: 16 };
    const failed = run({ ...absurd, lr: 1e30 }, { snapshots: new SnapshotStore(join(base, 'absurd'), {}, 2) });
    await expect(failed).rejects.toMatchObject({
      code: 'TRAIN_LOSS',
      facts: { remedy: expect.stringContaining(join(base, 'absurd', 'step-00000001')) as unknown },
    });
    const infinite = run({ ...absurd, lr: 1e39 }, { snapshots: new SnapshotStore(join(base, 'infinite'), {}, 2) });
    await expect(infinite).rejects.toMatchObject({ code: 'TRAIN_LOSS', facts: { remedy: expect.stringContaining('No snapshot') as unknown } });
    expect(await readdir(base)).not.toContain('infinite');
  });

  test('a method sees each step with its gradient; edits are told, and cut before the next step', async () => {
    const seen: { index: number; tokens: number; layers: number; norm: number }[] = [];
    const watching = method(async function* (session) {
      for await (const step of session.steps()) {
        const norm = tf.norm(step.gradient('model.norm.weight')).dataSync()[0]!;
        seen.push({ index: step.index, tokens: step.tokens, layers: session.model.axes.layers, norm });
        if (step.index === 2) yield keep('layer', [0, 3]);
        if (step.index === 3) return;
      }
    });
    const { events, model } = await run({ steps: 5 }, { pruner: watching });
    expect(seen.map(({ index, tokens, layers }) => [index, tokens, layers])).toEqual([
      [1, 16, 4],
      [2, 32, 4],
      [3, 48, 2],
    ]);
    for (const { norm } of seen) expect(norm).toBeGreaterThan(0);
    expect(events.filter(({ type }) => type === 'edit')).toEqual([
      { type: 'edit', step: 2, tokens: 32, explanation: expect.stringContaining('layer 4 → 2') as unknown },
    ]);
    expect(events.filter(({ type }) => type === 'step')).toHaveLength(5);
    expect(model.blueprint.axes.layers).toBe(2);
  });

  test('what a method throws is told as its own, what training throws is not', async () => {
    const throwing = method(async function* (session) {
      for await (const step of session.steps()) if (step.index === 2) throw new RangeError('too odd');
    });
    await expect(run({ steps: 4 }, { pruner: throwing })).rejects.toMatchObject({
      code: 'METHOD_FAILED',
      message: expect.stringContaining('odd that throws: RangeError: too odd') as unknown,
    });
    const waiting = method(async function* (session) {
      for await (const _ of session.steps());
    });
    const broken = run(
      { steps: 4 },
      {
        pruner: waiting,
        batch: (index) =>
          index < 2
            ? batchOf(2)(index)
            : (() => {
                throw new RangeError('no text');
              })(),
      },
    );
    await expect(broken).rejects.toThrow(new RangeError('no text'));
  });

  test('no tensor is left but the weights and their moments', async () => {
    const before = tf.memory().numTensors;
    const { model } = await run({ steps: 3 });
    expect(tf.memory().numTensors - before).toBe(3 * model.names.length);
  });
});
