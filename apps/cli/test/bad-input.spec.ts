import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { chop } from './command.js';
import { emptyProject } from './project.js';
import { type Expected, listing, toldError } from './refusal.js';
import { TINY, writeTinyModel } from './tiny-model.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const { base, model, folder, out, refuse } = emptyProject();
const text = join(base, 'text.txt');

beforeAll(() => writeFile(text, 'A language model is made smaller by dropping layers. '.repeat(40)));

async function written(name: string, content: string): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}

const LENGTH = ['--steps', '4', '--batch-size', '2', '--window', '16'];

describe('how many layers stay', () => {
  test.each(['4', '5', '30', '1', '0', '-1', '-2'])('keep=%s of 4', async (keep) => {
    await refuse(['prune', 'layer-chop', model, '--set', `keep=${keep}`, '--out', out], {
      code: 'LAYER_COUNT',
      says: [`found keep ${keep}`, '2 to 3 of the 4 layers', '--set keep='],
    });
  });

  test.each(['2.5', 'half', '[2]', '""'])('keep=%s', async (keep) => {
    await refuse(['plan', 'layer-chop', model, '--set', `keep=${keep}`, '--out', join(folder, 'plan.json')], {
      code: 'OPTION_VALUE',
      says: ['layer-chop.keep', /expected a (whole )?number/, 'keep: how many layers stay'],
    });
  });

  test.each(['[0, 0]', '[-1, 3]', '[0, 4]', '[]'])('layers=%s', async (layers) => {
    await refuse(['plan', 'layer-chop', model, '--set', `layers=${layers}`], { code: 'LAYER_COUNT', says: ['different layers from 0 to 3'] });
  });
});

describe('a method that must train, without training', () => {
  test.each([
    ['plan', 'dim-chop'],
    ['prune', 'dim-chop'],
    ['plan', 'layer-chop', '--set', 'keep=2', '--set', 'gapTokens=100'],
    ['prune', 'layer-chop', '--set', 'keep=2', '--set', 'warmupSteps=5'],
  ])('%s %s', async (verb, strategy, ...settings) => {
    await refuse([verb, strategy, model, ...settings, '--out', out], {
      code: 'METHOD_NEEDS_TRAINING',
      says: [strategy, `chop train ${model} --prune ${strategy}`],
    });
  });
});

describe('misspelt words', () => {
  test('a setting', async () => {
    await refuse(['prune', 'layer-chop', model, '--set', 'kep=2', '--out', out], { code: 'OPTION_UNKNOWN', says: ['layer-chop.kep', 'Did you mean keep?'] });
  });

  test('a setting of training with a pruner and a distiller', async () => {
    await refuse(['train', model, '--data', text, ...LENGTH, '--prune', 'dim-chop', '--distill', 'distill-logits', '--set', 'temprature=3', '--out', out], {
      code: 'OPTION_UNKNOWN',
      says: ['temprature', 'Did you mean temperature?'],
    });
  });

  test('a setting without a value', async () => {
    await refuse(['prune', 'layer-chop', model, '--set', 'keep', '--out', out], { code: 'SET_SYNTAX', says: ['--set keep', 'name=value', 'For example'] });
  });

  test('a strategy', async () => {
    await refuse(['prune', 'layerchop', model, '--out', out], { code: 'METHOD_UNKNOWN', says: ['layerchop', 'Did you mean layer-chop?', '--plugin'] });
  });

  test('a command, an option and a choice', async () => {
    await refuse(['prun', 'layer-chop', model], { code: 'COMMAND_UNKNOWN', says: ['prun', 'prune'] });
    await refuse(['prune', 'layer-chop', model, '--out', out, '--ouput', out], { code: 'OPTION_UNKNOWN', says: ['--ouput', '--out'] });
    await refuse(['train', model, '--data', text, ...LENGTH, '--out', out, '--shuffle-buffer', '8', '--join', '\\n'], {
      code: 'OPTION_CONFLICT',
      says: ['shuffleBuffer and join', 'Leave out --join'],
    });
    await refuse(['train', model, '--data', text, ...LENGTH, '--out', out, '--schedule', 'cosin'], {
      code: 'OPTION_VALUE',
      says: ['cosin', 'cosine, linear, constant'],
    });
  });

  test.each<[string, string, number, Expected]>([
    ['a key at the top', 'name: x\nmodel: m\nseeds: 1\nsteps: [report]\n', 3, { code: 'OPTION_UNKNOWN', says: ['recipe.seeds', 'Did you mean seed?'] }],
    ['a step', 'name: x\nmodel: m\nsteps:\n  - report\n  - evalute: {}\n', 5, { code: 'OPTION_UNKNOWN', says: ['evalute', 'Did you mean evaluate?'] }],
    [
      'an option of a step',
      'name: x\nmodel: m\nsteps:\n  - train:\n      steps: 3\n      bathSize: 2\n',
      6,
      { code: 'OPTION_UNKNOWN', says: ['train.bathSize', 'Did you mean batchSize?'] },
    ],
    [
      'a method',
      'name: x\nmodel: m\nsteps:\n  - prune:\n      layerchop: { keep: 2 }\n',
      5,
      { code: 'METHOD_UNKNOWN', says: ['layerchop', 'Did you mean layer-chop?'] },
    ],
    [
      'an option of a method',
      'name: x\nmodel: m\nsteps:\n  - evaluate: { latency: true }\n  - prune:\n      layer-chop:\n        keep: 2\n        configurations: input\n',
      8,
      { code: 'OPTION_UNKNOWN', says: ['layer-chop.configurations', 'Did you mean configuration?'] },
    ],
    [
      'an option of a method inside training',
      'name: x\nmodel: m\nsteps:\n  - train:\n      steps: 3\n      prune: { dim-chop: { spars: 0.5 } }\n',
      6,
      { code: 'OPTION_UNKNOWN', says: ['dim-chop.spars', 'Did you mean sparsity?'] },
    ],
    [
      'an option of a distiller',
      'name: x\nmodel: m\nsteps:\n  - train:\n      steps: 3\n      distill: { distill-logits: { weigth: 0.5 } }\n',
      6,
      { code: 'OPTION_UNKNOWN', says: ['distill-logits.weigth', 'Did you mean weight?'] },
    ],
    ['a value', 'name: x\nmodel: m\nsteps:\n  - train:\n      steps: 3\n      lr: fast\n', 6, { code: 'OPTION_VALUE', says: ['train.lr = "fast"', 'number'] }],
    ['YAML', 'name: x\n\tmodel: m\nsteps: [report]\n', 2, { code: 'RECIPE_SYNTAX', says: ['YAML'] }],
  ])('%s in a recipe, with file and line', async (_, recipe, line, expected) => {
    const file = await written('recipe.yaml', recipe);
    const error = await refuse(['run', file, '--out', out], { ...expected, says: [...expected.says, `${file}:${line}: `] });
    expect(error).toMatchObject({ file, line });
  });

  test('a recipe that is not there', async () => {
    await refuse(['run', join(folder, 'recipe.yaml'), '--out', out], { code: 'RECIPE_MISSING', says: ['recipe.yaml', 'no readable file'] });
  });
});

describe('text', () => {
  const commands: Record<string, (data: string) => string[]> = {
    train: (data) => ['train', model, '--data', data, ...LENGTH, '--out', out],
    'prune wanda': (data) => ['prune', 'wanda', model, '--data', data, '--window', '16', '--out', out],
    eval: (data) => ['eval', model, '--perplexity', data, '--window', '16'],
  };

  test.each(Object.keys(commands))('that is empty, for %s', async (command) => {
    await refuse(commands[command]!(await written('empty.jsonl', '\n')), { code: 'DATA_EMPTY', says: ['no text in', 'empty.jsonl', '--data'] });
  });

  test.each(Object.keys(commands))('with a broken line, for %s', async (command) => {
    const file = await written('text.jsonl', '{"text": "one"}\n\n{"text": "two"\n{"text": "three"}\n');
    const error = await refuse(commands[command]!(file), {
      code: 'DATA_LINE',
      says: [`${file}:3: `, '{"text": "two"', 'one JSON object', 'Mend or remove that line'],
    });
    expect(error).toMatchObject({ file, line: 3 });
  });

  test.each(Object.keys(commands))('with another field, for %s', async (command) => {
    const file = await written('text.jsonl', '{"text": "one"}\n{"content": "two"}\n');
    await refuse(commands[command]!(file), { code: 'DATA_FIELD', says: [`${file}:2: `, 'the fields content', 'FILE#field'] });
  });

  test.each(Object.keys(commands))('that is not there, for %s', async (command) => {
    await refuse(commands[command]!(join(folder, 'nothing.jsonl')), { code: 'DATA_MISSING', says: ['nothing.jsonl'] });
  });

  test('that is shorter than a window', async () => {
    const file = await written('short.txt', 'Too short.');
    await refuse(['train', model, '--data', file, '--steps', '2', '--window', '64', '--out', out], {
      code: 'DATA_SHORT',
      says: ['tokens of text', 'one window of 64', 'smaller --window'],
    });
    await refuse(['prune', 'wanda', model, '--data', file, '--window', '64', '--out', out], {
      code: 'DATA_EMPTY',
      says: ['no calibration window', 'smaller --window'],
    });
    await refuse(['eval', model, '--perplexity', file, '--window', '64'], { code: 'DATA_EMPTY', says: ['smaller --window'] });
  });

  test('that a method needs and nobody gave', async () => {
    await refuse(['prune', 'wanda', model, '--out', out], { code: 'SESSION_NEEDS_TEXT', says: ['wanda', '--data DATA'] });
  });
});

describe('a loss that is no number', () => {
  const absurd = ['--lr', '1e30', '--warmup-steps', '0', '--schedule', 'constant'];

  test('stops training, names the last good snapshot, and leaves no model', async () => {
    const { exitCode, stdout } = await chop(['train', model, '--data', text, ...LENGTH, ...absurd, '--save-every', '32', '--out', out, '--json'], folder);
    expect(exitCode).toBe(1);
    const error = toldError(stdout);
    expect(error.code).toBe('TRAIN_LOSS');
    expect(error.message).toMatch(/found (a loss|a gradient|weights) .* at step [234], expected finite numbers/);
    expect(error.remedy).toMatch(/^Lower --lr/);
    const [snapshot] = /\S+\/step-\d+/.exec(error.remedy!)!;
    expect((await readdir(snapshot)).sort()).toEqual(['state.json', 'state.safetensors']);
    expect(await readdir(folder)).toEqual(['out.training']);
  });

  test('says so when no snapshot had been written', async () => {
    const { stdout } = await chop(['train', model, '--data', text, ...LENGTH, ...absurd, '--save-every', '1M', '--out', out, '--json'], folder);
    expect(toldError(stdout)).toMatchObject({ code: 'TRAIN_LOSS', remedy: expect.stringContaining('No snapshot had been written') });
  });
});

describe('a place to write that is taken, closed or full', () => {
  const prune = ['prune', 'layer-chop', model, '--set', 'keep=2', '--out'];
  /** Commands that want a place to write after their last word. */
  const commands: Record<string, readonly string[]> = {
    prune,
    'prune wanda': ['prune', 'wanda', model, '--data', text, '--window', '16', '--out'],
    train: ['train', model, '--data', text, ...LENGTH, '--out'],
    export: ['export', model, '--format', 'hf', '--out'],
  };

  test.each(Object.keys(commands))('a folder that is there, for %s', async (command) => {
    await mkdir(out);
    await writeFile(join(out, 'mine.txt'), 'mine');
    await refuse([...commands[command]!, out], { code: 'OUTPUT_EXISTS', says: [out, '--force'] });
  });

  test.each(Object.keys(commands))('a folder that is no model, even with --force, for %s', async (command) => {
    await mkdir(out);
    await writeFile(join(out, 'thesis.tex'), 'mine');
    await refuse([...commands[command]!, out, '--force'], { code: 'OUTPUT_FOREIGN', says: [out, 'Move it away yourself'] });
  });

  test('a file in place of the folder', async () => {
    await written('out', 'mine');
    await refuse([...prune, out, '--force'], { code: 'OUTPUT_EXISTS', says: [out, 'a file', 'Choose another output'] });
  });

  test('a plan file that is there', async () => {
    const file = await written('plan.json', '{}');
    await refuse(['plan', 'layer-chop', model, '--set', 'keep=2', '--out', file], { code: 'OUTPUT_EXISTS', says: [file, '--force'] });
  });

  test('a run folder that is there', async () => {
    const file = await written('recipe.yaml', `name: x\nmodel: ${model}\nsteps: [report]\n`);
    await mkdir(out);
    await writeFile(join(out, 'mine.txt'), 'mine');
    await refuse(['run', file, '--out', out], { code: 'OUTPUT_EXISTS', says: [out, '--resume', '--force'] });
    await refuse(['run', file, '--out', out, '--force'], { code: 'OUTPUT_FOREIGN', says: [out, '"mine.txt" in a folder that is no run'] });
  });

  test.each([...Object.keys(commands), 'run'])('a folder where nobody may write, for %s', async (command) => {
    const locked = join(folder, 'locked');
    await mkdir(locked, { mode: 0o555 });
    const place = join(locked, 'out');
    const recipe = await written('recipe.yaml', `name: x\nmodel: ${model}\nsteps: [report]\n`);
    const words = command === 'run' ? ['run', recipe, '--out'] : commands[command]!;
    // Permissions do not hold root back.
    const asNobody = process.getuid?.() === 0;
    for (const open of asNobody ? [base, folder] : []) await chmod(open, 0o755);
    if (asNobody) process.seteuid!(65534);
    try {
      await refuse([...words, place], { code: 'OUTPUT_READ_ONLY', exitCode: 1, says: [place, 'Choose another'] });
    } finally {
      if (asNobody) process.seteuid!(0);
      await chmod(locked, 0o755);
    }
  });

  test('a disk that is full', async () => {
    const before = await listing(folder);
    // Files beyond that many kilobytes fail like those on a full disk.
    const command = `ulimit -f 100 && exec "$0" "$@" --json`;
    const { status, stdout } = spawnSync('bash', ['-c', command, process.execPath, join(ROOT, 'apps/cli/bin/chop.js'), ...prune, out], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect({ status, ...toldError(stdout) }).toMatchObject({
      status: 1,
      code: 'OUTPUT_DISK_FULL',
      file: out,
      remedy: expect.stringContaining('Free some space'),
    });
    expect(await listing(folder)).toEqual(before);
  });
});

describe('a plan', () => {
  const [plan, other] = [join(base, 'plan.json'), join(base, 'other')];

  beforeAll(async () => {
    await chop(['plan', 'layer-chop', model, '--set', 'keep=2', '--out', plan], base);
    await writeTinyModel(other, { ...TINY, num_hidden_layers: 6 });
  });

  test('for another model', async () => {
    await refuse(['apply', plan, other, '--out', out], {
      code: 'PLAN_OTHER_MODEL',
      says: [plan, 'a plan for a model with layer 4', 'expected layer 6', 'chop plan'],
    });
  });

  test.each<[string, (document: Record<string, unknown>) => unknown, Expected]>([
    ['of another version', (document) => ({ ...document, version: 7 }), { code: 'PLAN_VERSION', says: ['version 7', 'version 1', 'Make the plan again'] }],
    ['that is none', () => ({ plan: 'world domination' }), { code: 'PLAN_FILE', says: ['JSON that is no plan', 'chop plan'] }],
    ['that keeps what is not there', (document) => ({ ...document, keep: { layer: [0, 9] } }), { code: 'PLAN_INDICES', says: ['index 9 of layer', '0 to 3'] }],
    ['that keeps an axis that is not there', (document) => ({ ...document, keep: { depth: [0] } }), { code: 'AXIS_UNKNOWN', says: ['depth', 'layer'] }],
    ['that drops words of the vocabulary', (document) => ({ ...document, keep: { vocab: [0] } }), { code: 'AXIS_PINNED', says: ['vocab'] }],
    [
      'whose tensors lie elsewhere',
      (document) => ({ ...document, tensors: '../../secret.safetensors' }),
      { code: 'CHECKPOINT_NAME', says: ['../../secret.safetensors', 'the same folder'] },
    ],
    ['whose tensors are missing', (document) => ({ ...document, tensors: 'lost.safetensors' }), { code: 'CHECKPOINT_MISSING', says: ['lost.safetensors'] }],
  ])('%s', async (_, change, expected) => {
    const file = await written('plan.json', JSON.stringify(change(JSON.parse(await readFile(plan, 'utf8')) as Record<string, unknown>)));
    await refuse(['apply', file, model, '--out', out], expected);
  });

  test('that is no JSON, and one that is not there', async () => {
    const file = await written('plan.json', 'keep: 2');
    await refuse(['apply', file, model, '--out', out], { code: 'PLAN_FILE', says: [file, 'no JSON'] });
    await refuse(['apply', join(folder, 'no.json'), model, '--out', out], { code: 'PLAN_FILE', says: ['no.json', 'no readable file'] });
  });
});

test('without --json a failure is two lines on standard error, and standard output stays empty', async () => {
  const { exitCode, stdout, stderr } = await chop(['prune', 'layer-chop', model, '--set', 'kep=2', '--out', out], folder);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr.split('\n')).toEqual([expect.stringMatching(/^chop: OPTION_UNKNOWN: found layer-chop\.kep, expected one of /), 'Did you mean keep?', '']);
});
