import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { type Chop, compose, distillLogits, layerChop, type MadePlan, type OpenModel, type TrainRequest, wanda } from '../src/index.js';

const CALIBRATION = { data: ['embedded'], samples: 2, window: 32 };
const LENGTH = { data: ['embedded'], steps: 3, batchSize: 2, window: 32, lr: 1e-3, warmupSteps: 0 };
const MEASURE = { perplexity: { data: ['embedded:valid'], window: 64, windows: 4 } };

let chop: Chop;
let base: OpenModel;
let plan: MadePlan;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-page-'));
  chop = await compose();
  base = await chop.open('embedded');
  plan = await chop.plan(base, layerChop({ keep: 4 }));
});
afterAll(async () => {
  await base.close();
  await rm(folder, { recursive: true });
});

const weights = (model: string): Promise<Buffer> => readFile(join(model, 'model.safetensors'));
const json = async (file: string): Promise<Record<string, unknown>> => JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;

describe('the page of the API', () => {
  test('open, plan, apply, train, evaluate, save: nothing is written before the last word', async () => {
    const small = await chop.apply(base, plan);
    const tuned = await chop.train(small, { ...LENGTH, loss: distillLogits({ teacher: base }) });
    const score = await chop.evaluate({ base, small, tuned }, MEASURE);
    expect(Object.entries(score).map(([name, { parameters }]) => [name, parameters])).toEqual([
      ['base', plan.summary.parametersBefore],
      ['small', plan.summary.parametersAfter],
      ['tuned', plan.summary.parametersAfter],
    ]);
    expect(score.base.perplexity!.value).toBeLessThan(score.tuned.perplexity!.value);
    expect(score.tuned.perplexity!.value).toBeLessThan(score.small.perplexity!.value);

    const { out } = await chop.save(tuned, join(folder, 'tuned'));
    const saved = await chop.evaluate({ out }, MEASURE);
    expect(saved.out.perplexity).toEqual(score.tuned.perplexity);
    const made = (await json(join(out, 'chop.json')))['made'] as string[];
    expect(made.map((sentence) => sentence.split(' ')[0])).toEqual(['layer-chop', 'distill-logits', 'Trained']);
    expect((await readFile(join(out, 'training.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(LENGTH.steps);
  });

  test('a model trained in memory is, byte for byte, the one trained into a folder', async () => {
    const small = await chop.apply(base, plan);
    const inMemory = await chop.save(await chop.train(small, LENGTH), join(folder, 'from-memory'));
    const inPlace = await chop.train(small, { ...LENGTH, out: join(folder, 'in-place') });
    await inPlace.close();
    const { training } = inPlace;
    expect(training).toMatchObject({ out: join(folder, 'in-place'), steps: LENGTH.steps });
    expect((await weights(inMemory.out)).equals(await weights(training.out!))).toBe(true);
    expect(await json(join(inMemory.out, 'chop.json'))).toEqual(await json(join(training.out!, 'chop.json')));
  });

  test('frees every tensor that it makes, and closes only what it opened', async () => {
    const small = await chop.apply(base, plan);
    const before = tf.memory().numTensors;
    const tuned = await chop.train(small, { ...LENGTH, loss: distillLogits({ teacher: base }) });
    await chop.evaluate({ small, tuned }, MEASURE);
    expect(tf.memory().numTensors).toBe(before);
    await tuned.close();
    await small.close();
    expect((await chop.inspect(base)).layers).toBe(8);
    expect((await chop.tokenize(base, 'of')).ids).toEqual((await chop.tokenize('embedded', 'of')).ids);
    const [open, named] = [await chop.generate(base, 'The river', { maxTokens: 3 }), await chop.generate('embedded', 'The river', { maxTokens: 3 })];
    expect(open.text).toBe(named.text);
  });

  test('models may be named instead of opened, methods too', async () => {
    const byName = await chop.plan('embedded', chop.method('layer-chop', { keep: 4 }));
    expect(byName.edits.keeps).toEqual(plan.edits.keeps);
    const small = await chop.apply('embedded', byName);
    const request = { ...LENGTH, steps: 1 };
    const [a, b] = [
      await chop.train(small, { ...request, loss: chop.loss('distill-logits', { teacher: 'embedded', weight: 0.75 }) }),
      await chop.train(small, { ...request, loss: distillLogits({ teacher: base, weight: 0.75 }) }),
    ];
    expect(a.training.losses).toEqual(b.training.losses);
    await small.close();
  });

  test('in another precision, which the saved model tells', async () => {
    const { out, bytes } = await chop.save(base, join(folder, 'wide'), { dtype: 'f32' });
    expect(bytes).toBe(4 * base.blueprint.parameters);
    expect((await json(join(out, 'chop.json')))['made']).toEqual(['Stored as f32.']);
    await expect(chop.save(base, out, { format: 'hff', force: true })).rejects.toMatchObject({ code: 'FORMAT_UNKNOWN' });
    await expect(chop.save(base, out)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  });
});

describe('a wrong option', () => {
  test('does not compile, and is refused with the nearest name where nobody compiles', async () => {
    // @ts-expect-error: layer-chop has no option kep.
    await expect(chop.plan(base, layerChop({ kep: 4 }))).rejects.toMatchObject({ code: 'OPTION_UNKNOWN', facts: { remedy: 'Did you mean keep?' } });
    // @ts-expect-error: keep is a number.
    await expect(chop.plan(base, layerChop({ keep: '4' }))).rejects.toMatchObject({ code: 'OPTION_VALUE' });
    // @ts-expect-error: a distiller needs a teacher.
    expect(distillLogits({ weight: 0.5 })).not.toHaveProperty('teacher.source');
    // @ts-expect-error: distill-logits has no option temprature.
    const misspelt: TrainRequest = { ...LENGTH, loss: distillLogits({ teacher: base, temprature: 2 }) };
    await expect(chop.train(base, misspelt)).rejects.toMatchObject({ code: 'OPTION_UNKNOWN', facts: { remedy: 'Did you mean temperature?' } });
    // @ts-expect-error: training has no option bathSize.
    await expect(chop.train(base, { ...LENGTH, bathSize: 2 })).rejects.toMatchObject({ code: 'OPTION_UNKNOWN', facts: { remedy: 'Did you mean batchSize?' } });
    expect(() => chop.method('layer-chop', { kep: 4 })).toThrow(expect.objectContaining({ code: 'OPTION_UNKNOWN' }));
    expect(() => chop.loss('distil-logits', { teacher: base })).toThrow(expect.objectContaining({ code: 'METHOD_UNKNOWN' }));
  });

  test('going on without a folder to go on from', async () => {
    await expect(chop.train(base, { ...LENGTH, resume: true })).rejects.toMatchObject({ code: 'OPTION_MISSING' });
  });
});

describe('a plan and the model it was made for', () => {
  let other: OpenModel;
  beforeAll(async () => {
    const tuned = await chop.train(base, { ...LENGTH, out: join(folder, 'other') });
    other = await chop.open(tuned.training.out!);
    await tuned.close();
  });
  afterAll(() => other.close());

  test('of indices alone holds for every model of its sizes', async () => {
    expect(plan.fingerprint).toBeUndefined();
    expect((await chop.apply(other, plan)).blueprint.axes.layers).toBe(4);
  });

  test('made from weights is refused for other weights, in memory and from its file, and applied with force', async () => {
    const masks = await chop.plan(base, wanda({}), CALIBRATION);
    const file = join(folder, 'wanda.json');
    await masks.save(file);
    const refused = { code: 'PLAN_OTHER_MODEL', message: expect.stringMatching(/wanda made from the weights of another model, embedded.*--force/s) as unknown };
    await expect(chop.apply(other, masks)).rejects.toMatchObject(refused);
    await expect(chop.apply(other, await chop.readPlan(other, file))).rejects.toMatchObject(refused);
    expect((await chop.apply(other, masks, { force: true })).blueprint.parameters).toBe(base.blueprint.parameters);
    const same = await chop.save(base, join(folder, 'copy'));
    expect((await chop.readPlan(same.out, file)).summary.masks).toEqual(masks.summary.masks);
    await (await chop.apply(same.out, await chop.readPlan(same.out, file))).close();
  });

  test('of other sizes is refused whatever is said', async () => {
    const small = await chop.apply(base, plan);
    await expect(chop.apply(small, plan, { force: true })).rejects.toMatchObject({ code: 'PLAN_OTHER_MODEL' });
  });

  test('has a JSON Schema that says what its file holds', async () => {
    const schema = chop.schema('plan') as { properties: Record<string, unknown>; required: string[] };
    const file = join(folder, 'described.json');
    await plan.save(file);
    expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(Object.keys(await json(file))));
    expect(schema.required).toEqual(['format', 'version', 'model', 'keep']);
    expect(() => chop.schema('plans')).toThrow(expect.objectContaining({ facts: expect.objectContaining({ remedy: 'Did you mean plan?' }) as unknown }));
  });
});
