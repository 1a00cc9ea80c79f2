import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { tokensWithin, trainedTokens, withTokens } from '../src/budget.js';
import { type Chop, compose, type Comparison, readRecipe } from '../src/index.js';

let chop: Chop;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-compare-'));
  chop = await compose();
});
afterAll(() => rm(folder, { recursive: true }));

const MEASURED = '  - evaluate: { perplexity: valid, window: 64, windows: 2 }';
const training = (steps: number): string => `  - train: { steps: ${steps}, batchSize: 2, window: 32 }`;

async function recipe(name: string, steps: readonly string[], model = 'embedded'): Promise<string> {
  const file = join(folder, `${name}.yaml`);
  await writeFile(file, [`name: ${name}`, `model: ${model}`, 'data: { train: embedded, valid: "embedded:valid" }', 'steps:', ...steps, ''].join('\n'));
  return file;
}

const cut = '  - prune: { layer-chop: { keep: 4 } }';
const half = (): Promise<string> => recipe('half', [MEASURED, cut, training(2), MEASURED]);
const slow = (): Promise<string> => recipe('slow', [MEASURED, cut, training(2).replace('}', ', lr: 1e-4 }'), MEASURED]);
const input = (): Promise<string> => recipe('input', [MEASURED, '  - prune: { layer-chop: { keep: 4, configuration: input } }', training(2), MEASURED]);
const weights = (out: string): Promise<Buffer> => readFile(join(out, 'models/3-train/model.safetensors'));

describe('three variants', () => {
  let compared: Comparison;
  let out: string;
  beforeAll(async () => {
    out = join(folder, 'three');
    compared = await chop.compare([await half(), await input(), await slow()], { out, tokens: 192, latency: { context: 4, tokens: 2, runs: 1, warmup: 0 } });
  });

  test('train on the budget, and what they begin with in common is done once', async () => {
    expect(compared.variants.map(({ name, tokens, sharedSteps }) => [name, tokens, sharedSteps])).toEqual([
      ['half', 192, 0],
      ['input', 192, 1],
      ['slow', 192, 2],
    ]);
    const results = await Promise.all(
      compared.variants.map(async (each) => JSON.parse(await readFile(join(each.out, 'results.json'), 'utf8')) as { steps: object[] }),
    );
    expect(results[1]!.steps[0]).toEqual(results[0]!.steps[0]);
    expect(results[2]!.steps[1]).toEqual(results[0]!.steps[1]);
    await expect(stat(join(out, 'slow/models/2-layer-chop'))).rejects.toThrow('ENOENT');
  });

  test('come out as each would alone', async () => {
    for (const name of ['input', 'slow']) {
      const alone = join(folder, `${name}-alone`);
      const { steps } = await chop.run(join(out, name, 'recipe.yaml'), { out: alone });
      expect((await weights(join(out, name))).equals(await weights(alone))).toBe(true);
      expect(compared.variants.find((variant) => variant.name === name)!.evaluation!.perplexity).toEqual(steps.at(-1)!.evaluation!.perplexity);
      expect(compared.base.evaluation!.perplexity).toEqual(steps[0]!.evaluation!.perplexity);
    }
  });

  test('are timed in turns with the base, and break even by the cost that was measured', () => {
    for (const { speedUps, latency, breakEven, pruneSeconds, trainSeconds } of compared.variants) {
      expect(speedUps).toMatchObject([{ batch: 1, context: 4, query: { pairs: 1 } }]);
      expect(latency!.settings).toHaveLength(1);
      expect(breakEven!.costSeconds).toBe(pruneSeconds + trainSeconds);
      // By the speed-up that is told, so that one does not say faster and the other never.
      expect(breakEven!.speedUp).toBeCloseTo(speedUps![0]!.query.median, 9);
    }
  });

  test('stand on one page, which chop report makes again from whatever lies in the folder', async () => {
    const page = await readFile(join(out, 'report.html'), 'utf8');
    expect(page).toContain('How fast, and when it has paid');
    for (const { name } of compared.variants) expect(page).toContain(`base beside ${name}`);
    const again = join(folder, 'again.html');
    const parts = (await readdir(out)).map((name) => join(out, name));
    const { runs } = await chop.report(parts, { out: again, note: 'A note.', texts: false });
    expect(runs.map(({ name }) => name).sort()).toEqual(['half', 'input', 'slow']);
    expect(await readFile(again, 'utf8')).toContain('A note.');
    // One of them by itself still tells what the comparison measured.
    await chop.report([join(out, 'input')], { out: again, force: true });
    expect(await readFile(again, 'utf8')).toContain('base beside input');
  });

  test('are written down; going on does nothing again, and another budget is refused', async () => {
    expect(JSON.parse(await readFile(join(out, 'comparison.json'), 'utf8'))).toEqual(JSON.parse(JSON.stringify(compared)));
    const before = await stat(join(out, 'half/results.json'));
    const files = [await half(), await input(), await slow()];
    const again = await chop.compare(files, { out, tokens: 192, resume: true });
    expect((await stat(join(out, 'half/results.json'))).mtimeMs).toBe(before.mtimeMs);
    expect(again.variants.map(({ evaluation }) => evaluation)).toEqual(compared.variants.map(({ evaluation }) => evaluation));
    await expect(chop.compare(files, { out, tokens: 256, resume: true })).rejects.toMatchObject({ code: 'RESUME_OTHER_RUN' });
    await expect(chop.compare(files, { out, tokens: 192 })).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    await writeFile(join(out, 'notes.txt'), 'mine');
    await expect(chop.compare(files, { out, tokens: 192, force: true })).rejects.toMatchObject({ code: 'OUTPUT_FOREIGN' });
    await rm(join(out, 'notes.txt'));
  });
});

test('seconds become whole steps by a pilot whose cut is the variant’s', async () => {
  const out = join(folder, 'seconds');
  const wanda = await recipe('mask', [MEASURED, '  - prune: { wanda: {}, calibration: { samples: 1, window: 16 } }']);
  const { variants } = await chop.compare([await half(), wanda], { out, seconds: 0.001 });
  // A thousandth of a second suffices for less than a step of 2 · 32 tokens: one it is.
  expect(variants.map(({ tokens }) => tokens)).toEqual([64, 0]);
  await expect(stat(join(out, 'half/models/2-layer-chop'))).rejects.toThrow('ENOENT');
  await stat(join(out, 'pilots/half/models/2-layer-chop/model.safetensors'));
  await expect(stat(join(out, 'pilots/half/models/3-train'))).rejects.toThrow('ENOENT');
});

test('a budget by hand', async () => {
  const { recipe: read } = await readRecipe(await half());
  expect(trainedTokens(read)).toBe(2 * 2 * 32);
  expect(trainedTokens(withTokens(read, 1000))).toBe(16 * 64);
  expect(tokensWithin(read, 10, 100)).toBe(15 * 64);
});

test.each([
  ['COMPARE_RECIPES', 'one recipe', async () => [await half()], {}],
  ['COMPARE_RECIPES', 'the name half', async () => [await half(), await half()], {}],
  ['COMPARE_RECIPES', 'the name pilots', async () => [await recipe('pilots', [cut]), await half()], {}],
  ['COMPARE_RECIPES', 'model other', async () => [await half(), await recipe('elsewhere', [cut], 'other')], {}],
  ['COMPARE_BUDGET', 'training on 192 tokens against 128', async () => [await half(), await recipe('longer', [cut, training(3)])], {}],
  ['COMPARE_BUDGET', 'two steps that train', async () => [await half(), await recipe('twice', [training(1), cut, training(1)])], { tokens: 64 }],
  ['COMPARE_BUDGET', 'a budget of tokens and one of seconds', async () => [await half(), await input()], { tokens: 64, seconds: 1 }],
  ['COMPARE_BUDGET', 'a budget of -1', async () => [await half(), await input()], { seconds: -1 }],
])('%s: %s', async (code, found, files, request) => {
  const out = join(folder, 'refused');
  await expect(chop.compare(await files(), { out, ...request })).rejects.toMatchObject({ code, message: expect.stringContaining(found) as unknown as string });
  await expect(stat(out)).rejects.toThrow('ENOENT');
});
