import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyToModel, hideIndices, keep, Mask, type Model, Plan, planOf } from '@chop/core';
import { startEngine } from '@chop/kernels';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { family, stateOf, tinyBlueprint, tinyModel } from '../test/tiny.js';
import { SnapshotStore } from './snapshot.js';

let base: string;
let folder: string;
beforeAll(async () => {
  await startEngine();
  base = await mkdtemp(join(tmpdir(), 'chop-snapshot-'));
});
afterAll(() => rm(base, { recursive: true }));
beforeEach(async () => void (folder = await mkdtemp(join(base, 'run-'))));
afterEach(() => tf.disposeVariables());

const UP = 'model.layers.0.mlp.up_proj.weight';

/** A model after edits of every kind, with moments and a method's state. */
async function edited(): Promise<{ model: Model; plan: Plan }> {
  const model = await tinyModel();
  for (const [i, name] of model.names.entries())
    for (const slot of ['m', 'method.score']) model.entry(name).slots.set(slot, tf.variable(tf.add(model.value(name), i), false));
  const cut = await planOf(tinyBlueprint, keep('layer', [0, 2, 3]));
  applyToModel(model, cut);
  const mask = Plan.of(cut.after, {
    masks: new Map([
      [
        UP,
        Mask.from(
          [12, 8],
          Array.from({ length: 96 }, (_, i) => i % 3 > 0),
        ),
      ],
    ]),
  });
  applyToModel(model, mask);
  hideIndices(model, { maskAxis: 'ffn', at: 1, indices: [0, 5, 7] });
  return { model, plan: cut.followedBy(mask) };
}

describe('a snapshot', () => {
  test('brings back weights, masks, moments, state of methods, hidden indices, edits and the step', async () => {
    const { model, plan } = await edited();
    await new SnapshotStore(folder, { seed: 0 }, 2).save(model, plan, 7);
    const restored = (await new SnapshotStore(folder, { seed: 0 }, 2).restore(family, tinyBlueprint))!;
    expect(stateOf(restored.model)).toEqual(stateOf(model));
    expect(Object.keys(stateOf(model)).filter((key) => key.startsWith(UP))).toEqual([`${UP} value`, `${UP} mask`, `${UP} m`, `${UP} method.score`]);
    expect([...restored.model.latent]).toEqual([['layers.1.ffn', [0, 5, 7]]]);
    expect(restored.model.blueprint.axes.entries()).toEqual(model.blueprint.axes.entries());
    expect([...restored.plan.keeps]).toEqual([['layer', Int32Array.of(0, 2, 3)]]);
    expect(restored.plan.masks.get(UP)!.bits).toEqual(plan.masks.get(UP)!.bits);
    expect(restored.step).toBe(7);
  });

  test('only the last ones are kept, and the last counts', async () => {
    const { model, plan } = await edited();
    const store = new SnapshotStore(folder, {}, 2);
    for (const step of [9, 10, 100]) await store.save(model, plan, step);
    expect((await readdir(folder)).sort()).toEqual(['step-00000010', 'step-00000100']);
    expect(store.latest).toBe(join(folder, 'step-00000100'));
    expect((await store.restore(family, tinyBlueprint))!.step).toBe(100);
  });

  test('of a run with other options is refused, naming the option; those that may differ are not asked', async () => {
    const { model, plan } = await edited();
    await new SnapshotStore(folder, { lr: 1, seed: 0 }, 2).save(model, plan, 1);
    const other = new SnapshotStore(folder, { lr: 2, seed: 0 }, 2);
    await expect(other.restore(family, tinyBlueprint)).rejects.toMatchObject({
      code: 'RESUME_OTHER_RUN',
      facts: { found: 'lr 2', expected: expect.stringContaining('1') as unknown },
    });
    expect((await other.restore(family, tinyBlueprint, ['lr']))!.step).toBe(1);
    await expect(new SnapshotStore(folder, { lr: 1 }, 2).restore(family, tinyBlueprint)).rejects.toMatchObject({ code: 'RESUME_OTHER_RUN' });
  });

  test('that is not there is none', async () => expect(await new SnapshotStore(join(folder, 'nothing'), {}, 2).restore(family, tinyBlueprint)).toBeUndefined());
});
