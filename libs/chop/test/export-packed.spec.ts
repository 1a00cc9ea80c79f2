import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyToCheckpoint, elementCount, familyOf, Mask, Plan, readBytes } from '@chop/core';
import { randomCheckpoint } from '@chop/core/testing';
import { startEngine } from '@chop/kernels';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Chop, compose, OpenModel } from '../src/index.js';

let chop: Chop;
let folder: string;
let source: OpenModel;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-packed-'));
  await startEngine();
  chop = await compose();
  source = await chop.open('embedded');
});
afterAll(async () => {
  await source.close();
  await rm(folder, { recursive: true });
});

/** Which inputs stay, group after group. */
const GROUPS = [0b0011, 0b1010, 0b0100, 0b0000, 0b1001];
const stays = (element: number): boolean => ((GROUPS[(element >> 2) % GROUPS.length]! >> (element & 3)) & 1) === 1;

/** The model with 0 to 2 weights left of every four in the chosen linear weights. */
function sparse(model: OpenModel, chosen: (role: string) => boolean): OpenModel {
  const masks = new Map(
    [...model.blueprint.weights.values()].flatMap(({ name, linear, role, shape }) =>
      linear && chosen(role)
        ? [
            [
              name,
              Mask.from(
                shape,
                Array.from({ length: elementCount(shape) }, (_, at) => stays(at)),
              ),
            ] as const,
          ]
        : [],
    ),
  );
  const plan = Plan.of(model.blueprint, { masks });
  return new OpenModel({ checkpoint: applyToCheckpoint(model.checkpoint, plan), family: model.family, blueprint: plan.after, close: async () => {} });
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);

/** Every weight of one model is that of the other, to the bit. */
async function expectSame(found: OpenModel, expected: OpenModel): Promise<void> {
  for (const name of expected.blueprint.weights.keys())
    if (!Buffer.from(await readBytes(found.checkpoint, name)).equals(await readBytes(expected.checkpoint, name))) expect(name).toBe('the same');
}

test('2:4 weights take nine of sixteen parts of their bytes, and every weight is read back to the bit; what is not 2:4 stays dense', async () => {
  const model = sparse(source, (role) => role !== 'down');
  const [packed, dense] = [join(folder, 'packed'), join(folder, 'dense')];
  const written = await chop.save(model, packed, { format: 'packed' });
  await chop.save(model, dense);
  expect(written).toMatchObject({ parameters: source.blueprint.parameters, verify: { runtime: 'chop', compared: 'bytes and logits', maxDifference: 0 } });
  const saved = [...model.blueprint.weights.values()].reduce((sum, { linear, role, shape }) => sum + (linear && role !== 'down' ? elementCount(shape) : 0), 0);
  const bytes = async (at: string): Promise<number> => (await stat(join(at, 'model.safetensors'))).size;
  // In float16: two values and half a byte of indices in the place of four values.
  expect(Math.abs((await bytes(dense)) - (await bytes(packed)) - saved * (2 - 9 / 8))).toBeLessThan(16_384);
  const [first, second] = [await chop.open(packed), await chop.open(dense)];
  const asRead = ({ checkpoint: { tensors } }: OpenModel): object[] =>
    [...tensors.values()].map(({ name, shape, dtype }) => ({ name, shape, dtype })).sort(byName);
  expect(asRead(first)).toEqual(asRead(second));
  const inspected = await chop.inspect(first);
  expect((await bytes(packed)) - inspected.bytes).toBeLessThan(32_768); // the header
  expect(inspected.bytes).toBe(inspected.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0));
  const forms = new Set(inspected.tensors.filter(({ stored }) => stored === '2:4').map(({ name }) => model.blueprint.weight(name).role));
  expect([...forms].sort()).toEqual(['gate', 'k', 'o', 'q', 'up', 'v']);
  await expectSame(first, second);
  expect(await first.fingerprint()).toBe(await second.fingerprint());
  await first.close();
  await second.close();
  const again = await chop.save(packed, join(folder, 'again'));
  expect(again.loaders!.find(({ loader }) => loader === 'transformers')).toMatchObject({ loads: true });
  expect((await readFile(join(folder, 'again', 'model.safetensors'))).equals(await readFile(join(dense, 'model.safetensors')))).toBe(true);
  expect(JSON.parse(await readFile(join(folder, 'again', 'config.json'), 'utf8'))).not.toHaveProperty('quantization_config');
});

test('the folder tells transformers and its readers that it is not for them', async () => {
  const out = join(folder, 'told');
  const { loaders } = await chop.save(
    sparse(source, () => true),
    out,
    { format: 'packed', dtype: 'bf16' },
  );
  expect(loaders![0]).toMatchObject({ loader: 'transformers', loads: false, why: expect.stringContaining('only chop reads') as unknown });
  expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))).toMatchObject({
    quantization_config: { quant_method: 'chop-2:4' },
    torch_dtype: 'bfloat16',
  });
  expect(await readFile(join(out, 'README.md'), 'utf8')).toMatch(/library_name: chop[\s\S]*Loads in chop\. transformers does not load it: packed 2:4/);
});

test('matrices that a family stores turned are packed along their inputs too', async () => {
  const config = { architectures: ['GPT2LMHeadModel'], vocab_size: 23, n_embd: 16, n_layer: 2, n_head: 4, n_positions: 16 };
  const family = familyOf(chop.parts, config, 'random');
  const model = sparse(new OpenModel({ checkpoint: randomCheckpoint(family, config, 3), family, blueprint: family.blueprint(config) }), () => true);
  const out = join(folder, 'turned');
  await expect(chop.save(model, out, { format: 'packed' })).resolves.toMatchObject({ verify: { compared: 'bytes and logits' } });
  const read = await chop.open(out);
  await expectSame(read, model);
  await read.close();
});

test('a model without 2:4 weights is refused with where the first is not', async () => {
  await expect(chop.save(source, join(folder, 'none'), { format: 'packed' })).rejects.toMatchObject({
    code: 'FORMAT_NOT_SPARSE',
    exitCode: 2,
    message: expect.stringMatching(/layers\.0.*row 0.*input 0 to 3.*chop prune wanda MODEL --set pattern=2:4/s) as unknown,
  });
});
