import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { report } from '../src/report.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-report-'));
});
afterAll(() => rm(folder, { recursive: true }));

const measured = { model: 'base.gguf', parameters: 1000, bytes: 4000, layers: 4, engine: 'cpu' };
const perplexity = (value: number): object => ({ perplexity: { value, tokens: 100, windows: 2 } });

/** Right on the first `right` of four examples. */
function samples(right: number): string {
  const lines = [0, 1, 2, 3].map((id) => ({
    task: 'sciq',
    doc_id: id,
    doc_hash: `hash ${id}`,
    target: 0,
    ll: id < right ? [-1, -2] : [-2, -1],
    arguments: { gen_args_0: { arg_0: `Question ${id}?`, arg_1: ' gold' }, gen_args_1: { arg_0: `Question ${id}?`, arg_1: ' tin' } },
    filtered_resps: [['-1', 'False']],
    filter: 'none',
    metrics: ['acc'],
    acc: Number(id < right),
  }));
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** A run folder as `chop run` leaves it: the base measured, cut, the rest measured. */
async function madeRun(name: string, { right, value, place = name }: { right: number; value: number; place?: string }): Promise<string> {
  const out = join(folder, place);
  const model = join(out, 'models/2-layer-chop');
  await mkdir(model, { recursive: true });
  await mkdir(join(out, 'samples'));
  const scores = (acc: number): object => ({ tasks: { sciq: { acc, acc_stderr: 0.1, n: 4 } } });
  const steps = [
    {
      step: 1,
      kind: 'evaluate',
      model: 'base.gguf',
      seconds: 1,
      evaluation: { ...measured, name: 'before', ...perplexity(20), ...scores(1), samplesFile: 'samples/1.jsonl' },
    },
    {
      step: 2,
      kind: 'prune',
      model,
      seconds: 2,
      explanation: 'layer 4 → 2',
      keptLayers: { total: 4, kept: [0, 3] },
      written: { out: model, parameters: 500, bytes: 2000, seconds: 1, files: [] },
    },
    {
      step: 3,
      kind: 'evaluate',
      model,
      seconds: 1,
      evaluation: { ...measured, model, name: 'cut', layers: 2, ...perplexity(value), ...scores(right / 4), samplesFile: 'samples/3.jsonl' },
    },
  ];
  await writeFile(join(out, 'results.json'), JSON.stringify({ name, steps }));
  await writeFile(join(out, 'recipe.yaml'), `name: ${name}\nmodel: base.gguf\nsteps: []\n`);
  await writeFile(join(out, 'samples/1.jsonl'), samples(4));
  await writeFile(join(out, 'samples/3.jsonl'), samples(right));
  return out;
}

const textOf = (html: string): string =>
  html
    .replace(/<script>[\s\S]*<\/script>/, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');

describe('a report on run folders', () => {
  test('tells what runs share once, and names every model so that it is known', async () => {
    const [half, third] = [await madeRun('half', { right: 3, value: 30 }), await madeRun('third', { right: 2, value: 40 })];
    const out = join(folder, 'both.html');
    const result = await report([half, third], { out, modelCard: join(folder, 'card.md') });
    expect(result.runs).toEqual([
      { name: 'half', folder: half, models: ['base.gguf', 'half'] },
      { name: 'third', folder: third, models: ['third'] },
    ]);
    const html = await readFile(out, 'utf8');
    expect(result.bytes).toBe(Buffer.byteLength(html));
    expect(textOf(html)).toContain('Of 4 layers (0 to 3), 2 are kept: 0 and 3.');
    expect(await readFile(join(folder, 'card.md'), 'utf8')).toMatch(/\| third \| 2 \| 1 k \| 4 kB \| 40\.0 \|/);
  });

  test('compares models example by example: with half of four lost, p = 2 · (1/2)² = 0.5', async () => {
    const out = join(folder, 'paired.html');
    await report([await madeRun('paired', { right: 2, value: 40 })], { out });
    const text = textOf(await readFile(out, 'utf8'));
    expect(text).toMatch(/sciq, acc before cut −50\.0 .* 0\.50 /);
    expect(text).toContain('2 Question 2? gold gold tin before');
    expect(text).toContain('2 flipped between before and cut');
  });

  test('finds the models of a folder that was moved, and two runs of one recipe by their folders', async () => {
    const first = await madeRun('same', { right: 3, value: 30, place: 'first' });
    await madeRun('same', { right: 3, value: 31, place: 'old' });
    const second = join(folder, 'second');
    await rename(join(folder, 'old'), second);
    const plan = { model: { axes: { layer: 4, width: 8 } }, keep: { width: [0, 1] } };
    await writeFile(join(second, 'models/2-layer-chop/plan.json'), JSON.stringify(plan));
    const out = join(folder, 'moved.html');
    const { runs } = await report([first, second], { out });
    expect(runs.map(({ name }) => name)).toEqual(['first', 'second']);
    expect(textOf(await readFile(out, 'utf8'))).toContain('Of 8, 2 are kept: 0, 1.');
  });
});

describe('what is wrong is said before anything is written', () => {
  test.each<[string, () => Promise<string[]>, string]>([
    ['nothing of that name', async () => [join(folder, 'nowhere')], 'RUN_MISSING'],
    ['a folder that is no run', async () => [folder], 'RUN_MISSING'],
    ['no run', async () => [], 'REPORT_NOTHING'],
    ['one run twice', async () => [join(folder, 'a'), join(folder, 'b/../a')], 'RUN_TWICE'],
    [
      'results that chop did not write',
      async () => {
        const out = await madeRun('broken', { right: 1, value: 1 });
        await writeFile(join(out, 'results.json'), '{"name": "broken", "steps": [{"kind": 7}]}');
        return [out];
      },
      'RUN_RECORD',
    ],
  ])('%s', async (_, runs, code) => {
    const out = join(folder, 'never.html');
    await expect(report(await runs(), { out })).rejects.toMatchObject({ code });
    await expect(readFile(out)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a page that is there already, unless it may be replaced', async () => {
    const run = await madeRun('again', { right: 3, value: 30 });
    const out = join(folder, 'there.html');
    await writeFile(out, 'mine');
    await expect(report([run], { out })).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(await readFile(out, 'utf8')).toBe('mine');
    await expect(report([run], { out: folder, force: true })).rejects.toMatchObject({ code: expect.stringMatching(/^OUTPUT_/) as unknown });
  });
});
