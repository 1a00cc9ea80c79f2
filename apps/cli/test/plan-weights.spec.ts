import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chop } from './command.js';
import { expectRefusal } from './refusal.js';
import { TINY, writeTinyModel } from './tiny-model.js';

let folder: string;
let model: string;
let other: string;
let text: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-plan-weights-'));
  model = await writeTinyModel(join(folder, 'model'));
  // The same weights, read at other frequencies: what a method has seen of the one does not hold for the other.
  other = await writeTinyModel(join(folder, 'other'), { ...TINY, rope_theta: 500_000 });
  text = join(folder, 'text.txt');
  await writeFile(text, 'A language model is made smaller by dropping layers. '.repeat(40));
});
afterAll(() => rm(folder, { recursive: true }));

async function done(...words: string[]): Promise<Record<string, unknown>> {
  const { exitCode, stdout } = await chop([...words, '--json'], folder);
  expect({ exitCode, stdout: exitCode === 0 ? '' : stdout }).toEqual({ exitCode: 0, stdout: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('a plan that was made from weights', () => {
  test('is refused for another model of the same sizes, and applied with --force', async () => {
    const plan = join(folder, 'wanda.json');
    await done('plan', 'wanda', model, '--data', text, '--window', '16', '--out', plan);
    await expectRefusal(['apply', plan, other, '--out', join(folder, 'out')], folder, {
      code: 'PLAN_OTHER_MODEL',
      says: ['wanda', model, 'a plan made from the weights of this one', 'chop plan', '--force'],
    });
    expect(await done('apply', plan, other, '--out', join(folder, 'forced'), '--force')).toMatchObject({ out: join(folder, 'forced') });
  });

  test('gives the bytes that prune gives', async () => {
    const looks = ['--data', text, '--window', '16', '--samples', '2'];
    const plan = join(folder, 'again.json');
    await done('plan', 'wanda', model, ...looks, '--out', plan);
    await done('apply', plan, model, '--out', join(folder, 'applied'));
    await done('prune', 'wanda', model, ...looks, '--out', join(folder, 'pruned'));
    for (const file of ['model.safetensors', 'config.json', 'chop.json', 'README.md'])
      expect(await readFile(join(folder, 'applied', file), 'utf8')).toBe(await readFile(join(folder, 'pruned', file), 'utf8'));
  });
});

test('a plan of indices alone holds for every model of its sizes', async () => {
  const plan = join(folder, 'layers.json');
  await done('plan', 'layer-chop', model, '--set', 'keep=2', '--out', plan);
  expect(JSON.parse(await readFile(plan, 'utf8'))).toMatchObject({ version: 1, made: { options: { keep: 2, gapTokens: 0 } } });
  expect(await done('apply', plan, other, '--out', join(folder, 'half'))).toMatchObject({ explanation: expect.stringContaining('layer 4 → 2') });
});

test('what a plan file holds is printed as a JSON Schema', async () => {
  expect(await done('schema', 'plan')).toMatchObject({ type: 'object', required: ['format', 'version', 'model', 'keep'] });
});
