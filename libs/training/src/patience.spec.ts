import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keep, pruner } from '@chop/core';
import { startEngine } from '@chop/kernels';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { batchOf, family, stateOf, tinyBlueprint, tinyModel } from '../test/tiny.js';
import { type TrainingEvent, TrainingLog } from './log.js';
import { trainOptions } from './options.js';
import { SnapshotStore } from './snapshot.js';
import { train, type TrainingParts } from './trainer.js';

let base: string;
let folder: string;
beforeAll(async () => {
  await startEngine();
  base = await mkdtemp(join(tmpdir(), 'chop-patience-'));
});
afterAll(() => rm(base, { recursive: true }));
beforeEach(async () => void (folder = await mkdtemp(join(base, 'run-'))));
afterEach(() => tf.disposeVariables());

/** One evaluation a step; a snapshot every second. */
const options = trainOptions.parse({ batchSize: 2, window: 8, lr: 1e-2, steps: 12, evalEvery: 16, saveEvery: 32 });
/** A score by step, of which the third is the best. */
const SCORES = [9, 8, 5, 7, 5, 6, 4, 3, 2, 1];

const store = (): SnapshotStore => new SnapshotStore(join(folder, 'snapshots'), {}, 2);

/** Trains with scores that do not depend on the model; as a run of the command line, with a log and snapshots. */
async function run(patience: number, parts: Partial<TrainingParts> = {}, scores: readonly number[] = SCORES) {
  const snapshots = store();
  const restored = await snapshots.restore(family, tinyBlueprint);
  const log = await TrainingLog.open(join(folder, 'events.jsonl'), restored?.step ?? 0);
  const model = restored?.model ?? (await tinyModel());
  let step = restored?.step ?? 0;
  await train({
    ...{ model, options, batch: batchOf(2), log, snapshots },
    watched: { name: 'loss', better: 'lower', patience },
    keepBest: (...best) => snapshots.saveBest(...best),
    evaluate: async () => ({ loss: scores[step++] ?? 9 }),
    ...(restored ? { resumed: restored } : {}),
    ...parts,
  });
  return { model, events: log.events };
}

const evaluated = (events: readonly TrainingEvent[]): [number, boolean | undefined][] =>
  events.flatMap((event) => (event.type === 'evaluation' ? [[event.step, event.best] as [number, boolean | undefined]] : []));

describe('patience', () => {
  test('waits so many evaluations for a better score, then ends the run; a score that is as good is not better', async () => {
    const { events } = await run(3);
    expect(evaluated(events)).toEqual([
      [1, true],
      [2, true],
      [3, true],
      [4, false],
      [5, false],
      [6, false],
    ]);
    expect(events.at(-1)).toEqual({ type: 'stop', step: 6, tokens: 96, watched: 'loss', bestStep: 3 });
  });

  test('keeps the weights of the best score, to the bit, and no others', async () => {
    await run(3);
    const best = await store().best(family, tinyBlueprint, 3);
    const short = await tinyModel();
    // The same steps of the same schedule, stopped by hand.
    const stop = new AbortController();
    const parts = { model: short, options, batch: (index: number) => (index === 2 && stop.abort(), batchOf(2)(index)), signal: stop.signal };
    await expect(train(parts)).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(stateOf(best.model)).toEqual(stateOf(short));
    expect((await readdir(join(folder, 'snapshots'))).sort()).toEqual(['best-00000003', 'step-00000004', 'step-00000006']);
  });

  test('a run that gets better and better goes on to its end', async () => {
    const { events } = await run(1, {}, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(events.filter(({ type }) => type === 'stop')).toEqual([]);
    expect(evaluated(events)).toHaveLength(12);
  });

  test('a score that is no number is never the best', async () => {
    const { events } = await run(2, {}, [NaN, 4, NaN, NaN]);
    expect(evaluated(events)).toEqual([
      [1, false],
      [2, true],
      [3, false],
      [4, false],
    ]);
  });

  test('is the same in a run that was cut off after any step and goes on', async () => {
    const whole = await run(3);
    const [expected, events] = [stateOf(whole.model), whole.events.map((event) => ({ ...event, seconds: 0 }))];
    for (const last of [1, 2, 3, 4, 5]) {
      await rm(folder, { recursive: true });
      const stop = new AbortController();
      const cut = run(3, { signal: stop.signal, batch: (index) => (index === last - 1 && stop.abort(), batchOf(2)(index)) });
      await expect(cut).rejects.toMatchObject({ code: 'INTERRUPTED' });
      const rest = await run(3);
      expect(stateOf(rest.model)).toEqual(expected);
      expect(rest.events.map((event) => ({ ...event, seconds: 0 }))).toEqual(events);
      expect((await store().best(family, tinyBlueprint, 3)).step).toBe(3);
    }
  });

  test('does not look while a method prunes', async () => {
    const cutting = pruner({
      ...{ name: 'odd', description: 'Odd.', needs: 'training', options: z.strictObject({}) },
      plan: async function* (session) {
        for await (const step of session.steps()) {
          if (step.index === 4) yield keep('layer', [0, 3]);
          if (step.index === 5) return;
        }
      },
    })();
    const { events } = await run(2, { pruner: cutting }, [1, 2, 3, 4, 9, 8, 9, 9]);
    expect(evaluated(events)).toEqual([
      [1, undefined],
      [2, undefined],
      [3, undefined],
      [4, undefined],
      [5, true],
      [6, true],
      [7, false],
      [8, false],
    ]);
  });
});
