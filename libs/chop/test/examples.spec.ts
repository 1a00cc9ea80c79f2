import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const EXAMPLES = fileURLToPath(new URL('../../../examples/', import.meta.url));
const EMBEDDED = fileURLToPath(new URL('../embedded/', import.meta.url));
/** What an example may have, so that it is read in one look. */
const MAX_LINES = 40;
/** f16 holds a sign above 15 bits; ±0 is all of these zero. */
const F16_MAGNITUDE = 0x7fff;

const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_OPTIONS|NODE_TEST_CONTEXT|JEST_WORKER_ID)$/.test(name)));
const config = readJson(join(EMBEDDED, 'config.json'));
const [layers, width, ffn, vocabulary, heads, kvHeads] = [
  'num_hidden_layers',
  'hidden_size',
  'intermediate_size',
  'vocab_size',
  'num_attention_heads',
  'num_key_value_heads',
].map((key) => config[key]!) as [number, number, number, number, number, number];
const inner = config['head_dim'] ?? width / heads;

/** Parameters of a Llama with tied embeddings, summed by hand. */
function parameters({ layers: count = layers, ffn: channels = ffn }: { layers?: number; ffn?: number }): number {
  const attention = 2 * width * heads * inner + 2 * width * kvHeads * inner;
  return vocabulary * width + count * (attention + 3 * width * channels + 2 * width) + width;
}

let folder: string;

async function run(example: string): Promise<string> {
  return (await promisify(execFile)(process.execPath, [join(EXAMPLES, example)], { cwd: folder, env: environment })).stdout;
}

function readJson(file: string): Record<string, number> {
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;
}

function written(name: string): string {
  return join(folder, 'runs/examples', name);
}

/** One f16 tensor of a safetensors file, as bits, by the format's definition. */
function halves(model: string, name: string): Uint16Array {
  const file = readFileSync(join(model, 'model.safetensors'));
  const start = 8 + Number(file.readBigUInt64LE(0));
  const { data_offsets, dtype } = (JSON.parse(file.toString('utf8', 8, start)) as Record<string, { data_offsets: [number, number]; dtype: string }>)[name]!;
  expect(dtype).toBe('F16');
  return new Uint16Array(Uint8Array.from(file.subarray(start + data_offsets[0], start + data_offsets[1])).buffer);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-examples-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the examples', () => {
  test('are numbered scripts that are read in one look', () => {
    const scripts = readdirSync(EXAMPLES).filter((name) => name.endsWith('.mjs'));
    expect(scripts).toEqual(['01-open-and-inspect.mjs', '02-layer-chop.mjs', '03-wanda.mjs', '04-recover.mjs', '05-own-method.mjs', '06-compare.mjs']);
    expect(scripts.filter((name) => readFileSync(join(EXAMPLES, name), 'utf8').split('\n').length > MAX_LINES)).toEqual([]);
  });

  test('01 shows the axes and where all parameters are', async () => {
    const output = await run('01-open-and-inspect.mjs');
    expect(output).toContain(`embedded: llama, ${parameters({}).toLocaleString('en')} parameters, ${layers} layers`);
    expect(output).toMatch(new RegExp(`^ +ffn +${ffn}$`, 'm'));
    const shares = [...output.matchAll(/([\d.]+) %/g)].map(([, share]) => Number(share));
    expect(shares.reduce((a, b) => a + b, 0)).toBeCloseTo(100, 0);
    expect(output).toMatch(new RegExp(`^ +down +${((100 * layers * width * ffn) / parameters({})).toFixed(1).replace('.', '\\.')} %$`, 'm'));
  });

  test('02 writes half of the layers, spread evenly, and the plan that chose them', async () => {
    const output = await run('02-layer-chop.mjs');
    // Fig. 5 of the paper, 4 of 8 layers: round(i · 7 / 3).
    expect(output).toContain('layers that stay: 0, 2, 5, 7');
    expect(output).toContain(`${parameters({ layers: 4 }).toLocaleString('en')} parameters`);
    expect(readJson(written('layer-chop.plan.json'))).toMatchObject({ keep: { layer: [0, 2, 5, 7] } });
    expect(readJson(join(written('layer-chop'), 'config.json'))).toMatchObject({ num_hidden_layers: 4 });
    const norm = (layer: number): string => `model.layers.${layer}.input_layernorm.weight`;
    expect(halves(written('layer-chop'), norm(2))).toEqual(halves(EMBEDDED, norm(5)));
  });

  test('03 leaves two of every four weights, and those as they were', async () => {
    const output = await run('03-wanda.mjs');
    expect(output).toContain(`${7 * layers} matrices in all`);
    const [, dense, sparse] = /perplexity ([\d.]+) → ([\d.]+)/.exec(output)!.map(Number) as [number, number, number];
    expect(sparse).toBeGreaterThan(dense);
    const name = 'model.layers.1.mlp.down_proj.weight';
    const [before, after] = [halves(EMBEDDED, name), halves(written('wanda'), name)];
    const alive = Array.from(
      { length: after.length / 4 },
      (_, group) => after.subarray(4 * group, 4 * group + 4).filter((bits) => (bits & F16_MAGNITUDE) !== 0).length,
    );
    expect(Math.max(...alive)).toBe(2);
    expect([...after].every((bits, i) => (bits & F16_MAGNITUDE) === 0 || bits === before[i])).toBe(true);
  });

  test('04 gives back a part of what the cut took', async () => {
    const output = await run('04-recover.mjs');
    expect(output).toMatch(/^8 steps, 4096 tokens, loss /);
    const perplexity = (name: string): number => Number(new RegExp(`^${name} .*perplexity ([\\d.]+)`, 'm').exec(output)![1]);
    expect(perplexity('base')).toBeLessThan(perplexity('tuned'));
    expect(perplexity('tuned')).toBeLessThan(perplexity('small'));
    expect(readJson(join(written('recovered'), 'config.json'))).toMatchObject({ num_hidden_layers: 4 });
  });

  test('05 runs a method that the script brings along', async () => {
    const output = await run('05-own-method.mjs');
    expect(output).toContain(`ffn ${ffn} → ${0.75 * ffn} in ${layers} layers`);
    expect(readJson(join(written('loudest-ffn'), 'config.json'))).toMatchObject({ intermediate_size: 0.75 * ffn });
    expect(halves(written('loudest-ffn'), 'model.layers.0.mlp.down_proj.weight')).toHaveLength(width * 0.75 * ffn);
  });

  test('06 compares what is left of the model with what it was', async () => {
    const rows = (await run('06-compare.mjs')).trim().split('\n');
    const perplexity = (row: string): number => Number(/perplexity ([\d.]+)/.exec(row)![1]);
    expect(rows).toHaveLength(3);
    expect(rows.map((row) => /([\d.]+) M parameters/.exec(row)![1])).toEqual([layers, 6, 6].map((count) => (parameters({ layers: count }) / 1e6).toFixed(2)));
    for (const cut of rows.slice(1)) expect(perplexity(cut)).toBeGreaterThan(perplexity(rows[0]!));
  });
});

describe('the guide to writing a method', () => {
  const PLUGIN = join(EXAMPLES, 'plugin-random');
  const blocks = [...readFileSync(join(PLUGIN, 'README.md'), 'utf8').matchAll(/^```js\n([^]*?)^```$/gm)].map(([, code]) => code!);

  test("shows the plugin's source, whole", () => {
    expect(blocks[0]).toBe(readFileSync(join(PLUGIN, 'random-ffn.js'), 'utf8'));
  });

  test('has a second method, with a statistic of its own, that holds the laws too', async () => {
    const trial = { config: { ...config, num_hidden_layers: 2, vocab_size: 50 }, options: { keep: 5 } };
    const check = [
      "import { checkPruner } from '@chop/core/testing';",
      "import { startEngine } from '@chop/kernels';",
      "import { llama } from '@chop/models';",
      "await startEngine({ engine: 'cpu' });",
      `const plan = await checkPruner(peakFfn.method, { ...${JSON.stringify(trial)}, family: llama.family });`,
      'console.log(plan.explain());',
    ];
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', `${blocks[1]}\n${check.join('\n')}`], {
      cwd: PLUGIN,
      env: environment,
    });
    expect(stdout).toContain(`ffn ${ffn} → 5 in 2 layers`);
  });

  test('comes with tests that pass, by the runner that Node.js has', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap'], { cwd: PLUGIN, env: environment });
    expect(Number(/^# pass (\d+)$/m.exec(stdout)![1])).toBeGreaterThanOrEqual(3);
    expect(stdout).toMatch(/^# fail 0$/m);
  });
});
