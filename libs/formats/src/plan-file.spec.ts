import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Blueprint, Mask, Plan, type Shapes } from '@chop/core';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadPlan, type PlanDocument } from './plan-file.js';
import { savePlan } from './plan-write.js';

const shapes = (layers: number, name = 'toy'): Shapes => ({
  name,
  axes: () => ({ layer: { size: layers }, width: { size: 3 }, ffn: { size: 4, perLayer: true } }),
  table: () => ({ outer: {}, layer: { up: ['up', 'ffn', 'width'] }, prefix: (at) => `layers.${at}.` }),
  resize: (config) => config,
});
const toy = Blueprint.of(shapes(4), {});

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'chop-plan-'))));
afterAll(() => rm(folder, { recursive: true }));

const made = { strategy: 'odd', options: { keep: 2 }, seed: 3 };
const cut = Plan.of(toy, {
  keeps: new Map([
    ['layer', [0, 3]],
    ['layers.3.ffn', [1, 2]],
  ]),
});
const whole = Plan.of(toy, {
  keeps: cut.keeps,
  masks: new Map([['layers.0.up', Mask.from([4, 3], [1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0])]]),
  replacements: new Map([['layers.1.up', Float32Array.of(1, -2, 0.5, 1e-30, 3.4e38, -0)]]),
});

describe('a plan in a file', () => {
  test('comes back as it was: what is kept, masks bit by bit, values', async () => {
    const file = join(folder, 'plan.json');
    expect(await savePlan(file, { plan: whole, made })).toEqual([file, join(folder, 'plan.safetensors')]);
    const { plan: back } = await loadPlan(file, toy);
    expect(back.keeps).toEqual(whole.keeps);
    expect(back.masks).toEqual(whole.masks);
    expect(back.replacements).toEqual(whole.replacements);
    expect(back.after.axes.entries()).toEqual(whole.after.axes.entries());
  });

  test('without masks and values is one file that people read', async () => {
    const file = join(folder, 'readable.json');
    expect(await savePlan(file, { plan: cut, made })).toEqual([file]);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
      format: 'chop-plan',
      version: 1,
      made,
      model: { family: 'toy', axes: Object.fromEntries(toy.axes.entries()) },
      keep: { layer: [0, 3], 'layers.3.ffn': [1, 2] },
      masks: [],
      replaces: [],
      explanation: cut.explain(),
    });
    expect(await readdir(folder)).not.toContain('readable.safetensors');
  });

  test('that was made from weights is version 2, and remembers the fingerprint of their model', async () => {
    const file = join(folder, 'bound.json');
    await savePlan(file, { plan: cut, made, fingerprint: 'sha256:ab' });
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ version: 2, model: { fingerprint: 'sha256:ab' } });
    expect(await loadPlan(file, toy)).toMatchObject({ made, fingerprint: 'sha256:ab' });
  });

  test('written twice has the same bytes', async () => {
    const files = [join(folder, 'a.json'), join(folder, 'b.json')];
    for (const file of files) await savePlan(file, { plan: whole, made });
    const [a, b] = await Promise.all(files.map((file) => readFile(file.replace('.json', '.safetensors'))));
    expect(a!.equals(b!)).toBe(true);
    expect((await readFile(files[0]!, 'utf8')).replace('a.safetensors', 'b.safetensors')).toBe(await readFile(files[1]!, 'utf8'));
  });
});

describe('refused, naming the file', () => {
  const change = async (edit: (document: PlanDocument) => unknown): Promise<string> => {
    const file = join(folder, 'changed.json');
    await savePlan(file, { plan: whole, made });
    await writeFile(file, JSON.stringify(edit(JSON.parse(await readFile(file, 'utf8')) as PlanDocument)));
    return file;
  };

  test.each<[string, (document: PlanDocument) => unknown, string]>([
    ['another format', (document) => ({ ...document, format: 'terraform' }), 'PLAN_FILE'],
    ['no object', () => null, 'PLAN_FILE'],
    ['no model', ({ model: _, ...document }) => document, 'PLAN_FILE'],
    ['axes that are none', (document) => ({ ...document, model: { family: 'toy', axes: null } }), 'PLAN_FILE'],
    ['no keep', ({ keep: _, ...document }) => document, 'PLAN_FILE'],
    ['indices that are no whole numbers', (document) => ({ ...document, keep: { layer: [0.5] } }), 'PLAN_FILE'],
    ['another version', (document) => ({ ...document, version: 3 }), 'PLAN_VERSION'],
    ['version 2 without a fingerprint', (document) => ({ ...document, version: 2 }), 'PLAN_FILE'],
    ['version 1 with a fingerprint', (document) => ({ ...document, model: { ...document.model, fingerprint: 'sha256:0' } }), 'PLAN_FILE'],
    ['masks that are no list', (document) => ({ ...document, masks: 3 }), 'PLAN_FILE'],
    ['indices beyond the end', (document) => ({ ...document, keep: { layer: [0, 4] } }), 'PLAN_INDICES'],
    ['tensors of a model with other layers', (document) => ({ ...document, keep: { layer: [0] } }), 'WEIGHT_UNKNOWN'],
    ['a mask of another size', (document) => ({ ...document, keep: { ...document.keep, 'layers.0.ffn': [0] } }), 'PLAN_SHAPE'],
  ])('%s', async (_, edit, code) => {
    const file = await change(edit);
    await expect(loadPlan(file, toy)).rejects.toMatchObject({ code, facts: { file } });
  });

  test('a plan for a model of other sizes, or of another family', async () => {
    const file = await change((document) => document);
    await expect(loadPlan(file, Blueprint.of(shapes(5), {}))).rejects.toMatchObject({
      code: 'PLAN_OTHER_MODEL',
      message: expect.stringMatching(/layer 4.*layer 5/) as unknown,
    });
    await expect(loadPlan(file, Blueprint.of(shapes(4, 'gpt'), {}))).rejects.toMatchObject({
      code: 'PLAN_OTHER_MODEL',
      message: expect.stringMatching(/toy.*gpt/) as unknown,
    });
  });
});
