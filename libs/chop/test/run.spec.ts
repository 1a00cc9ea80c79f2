import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OutputError } from '@chop/core';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Chop, compose, type OpenModel } from '../src/index.js';

let chop: Chop;
let folder: string;
let recipe: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-run-'));
  chop = await compose();
  recipe = join(folder, 'recipe.yaml');
  await writeFile(
    recipe,
    [
      'name: half',
      'model: embedded',
      'seed: 3',
      'data: { train: embedded, valid: "embedded:valid" }',
      'steps:',
      '  - prune: { wanda: {}, calibration: { samples: 2, window: 32 } }',
      '  - prune: { layer-chop: { keep: 4 } }',
      '  - train: { steps: 3, batchSize: 2, window: 32 }',
      '  - evaluate: { perplexity: valid, window: 64, windows: 2 }',
      '',
    ].join('\n'),
  );
});
afterAll(() => rm(folder, { recursive: true }));

const weights = (out: string): Promise<Buffer> => readFile(join(out, 'models/3-train/model.safetensors'));

describe('a run', () => {
  test('is written down so that it can be run again, to the same bytes', async () => {
    const [first, second] = [join(folder, 'first'), join(folder, 'second')];
    const result = await chop.run(recipe, { out: first });
    const { steps } = await chop.run(join(first, 'recipe.yaml'), { out: second });
    expect(await readFile(join(second, 'recipe.yaml'), 'utf8')).toBe(await readFile(join(first, 'recipe.yaml'), 'utf8'));
    expect((await weights(second)).equals(await weights(first))).toBe(true);
    expect(steps.at(-1)!.evaluation!.perplexity).toEqual(result.steps.at(-1)!.evaluation!.perplexity);
    expect(await readdir(join(first, 'models/1-wanda'))).toEqual(expect.arrayContaining(['plan.json', 'plan.safetensors']));
    expect(JSON.parse(await readFile(join(first, 'models/2-layer-chop/chop.json'), 'utf8'))).toMatchObject({
      base: 'embedded',
      made: [expect.stringMatching(/^wanda with .*2:4.*seed 3/), expect.stringMatching(/^layer-chop with .*"keep":4.*: layer 8 → 4/)],
    });
  });

  test('trains on the seed of the run, if the step has none of its own', async () => {
    const seeds = new Map<string, Buffer>();
    for (const seed of [3, 4]) {
      const out = join(folder, `seed-${seed}`);
      await chop.run(recipe, { out, seed });
      seeds.set(String(seed), await weights(out));
    }
    expect(seeds.get('3')!.equals(await weights(join(folder, 'first')))).toBe(true);
    expect(seeds.get('3')!.equals(seeds.get('4')!)).toBe(false);
  });

  test('goes on writing with a 2:4 model that it also times', async () => {
    const file = join(folder, 'packed.yaml');
    const evaluate = '  - evaluate: { latency: { context: 8, tokens: 2, runs: 2 }, sample: The city, sampleTokens: 4 }';
    await writeFile(
      file,
      ['name: packed', 'model: embedded', 'steps:', '  - prune: { wanda: {}, calibration: { data: embedded, samples: 1, window: 16 } }', evaluate, ''].join(
        '\n',
      ),
    );
    const { steps } = await chop.run(file, { out: join(folder, 'packed') });
    const { sample, model } = steps[1]!.evaluation!;
    const { text } = await chop.generate(model, 'The city', { maxTokens: 4 });
    expect(sample).toEqual({ prompt: 'The city', text });
  });

  test('opens the model of a prune step once, and closes it', async () => {
    const opened: OpenModel[] = [];
    class Counting extends Chop {
      override async open(...request: Parameters<Chop['open']>): Promise<OpenModel> {
        const model = await super.open(...request);
        opened.push(model);
        return model;
      }
    }
    const file = join(folder, 'once.yaml');
    await writeFile(file, 'name: once\nmodel: embedded\nsteps:\n  - prune: { layer-chop: { keep: 4 } }\n');
    const counting = Object.setPrototypeOf(await compose(), Counting.prototype) as Chop;
    await counting.run(file, { out: join(folder, 'once') });
    expect(opened.map(({ source }) => source)).toEqual(['embedded']);
    await expect(opened[0]!.load()).rejects.toThrow();
  });
});

describe('a run folder', () => {
  test('that cannot be made, since a part of its path is a file', async () => {
    const error = await chop.run(recipe, { out: join(recipe, 'out') }).catch((error_: unknown) => error_);
    expect(error).toBeInstanceOf(OutputError);
    expect(error).toMatchObject({
      code: 'OUTPUT_GONE',
      facts: { file: join(recipe, 'out'), expected: expect.any(String), remedy: expect.stringContaining('another') },
    });
  });

  test.each([1, 3])('that vanishes during step %d', async (step) => {
    const out = join(folder, 'vanishing');
    const removal = { done: Promise.resolve() };
    const onMessage = (line: string): void => {
      if (line.startsWith(`step ${step} of`)) removal.done = rm(out, { recursive: true, force: true });
    };
    const error = await chop.run(recipe, { out, onMessage }).catch((error_: unknown) => error_);
    await removal.done;
    expect(error).toBeInstanceOf(OutputError);
    expect(error).toMatchObject({ code: 'OUTPUT_GONE', facts: { file: out, remedy: expect.stringContaining('removed') } });
    await rm(out, { recursive: true, force: true });
  });
});
