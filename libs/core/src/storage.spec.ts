import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { applyToCheckpoint } from './apply.js';
import { Blueprint, type Shapes } from './blueprint.js';
import { type Checkpoint, type Dtype, DTYPE_BYTES, elementCount, readBytes } from './checkpoint.js';
import { makeFamily } from './family.js';
import { Plan } from './plan.js';
import { fromStorage, turnMatrices } from './storage.js';

/** `[out, in]` of two matrices of a layer, one of which is stored the other way round. */
const shapes = (ffn: number, width: number): Shapes => ({
  name: 'turned',
  axes: () => ({ layer: { size: 1 }, width: { size: width }, ffn: { size: ffn, perLayer: true } }),
  table: () => ({
    outer: { embed: ['base.embed', 'width'] },
    prefix: (at) => `base.${at}.`,
    layer: { up: ['upᵀ', 'ffn', 'width'], down: ['down', 'width', 'ffn'] },
  }),
  resize: (config) => config,
});

const family = (ffn: number, width: number, base?: string) =>
  makeFamily({ ...shapes(ffn, width), description: '', architectures: [], settings: (config) => config, forward: {} as never, ...(base ? { base } : {}) });

/** Every byte of every tensor tells its place. */
function counted(tensors: Readonly<Record<string, readonly number[]>>, dtype: Dtype): Checkpoint {
  const bytes = (name: string): Uint8Array =>
    Uint8Array.from({ length: elementCount(tensors[name]!) * DTYPE_BYTES[dtype] }, (_, i) => (i * 7 + name.length) % 251);
  return {
    source: 'counted',
    config: {},
    tensors: new Map(Object.entries(tensors).map(([name, shape]) => [name, { name, shape, dtype }])),
    companions: new Map(),
    async *stream(name, from, to) {
      yield bytes(name).subarray(from, to);
    },
    async close() {},
  };
}

const stored = (ffn: number, width: number, dtype: Dtype = 'F32', base = 'base.'): Checkpoint =>
  counted({ [`${base}embed`]: [width], [`${base}0.up`]: [width, ffn], [`${base}0.down`]: [width, ffn] }, dtype);

const sizes = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.constantFrom<Dtype>('F32', 'BF16', 'F64'));

describe('a matrix whose row of the table ends in ᵀ', () => {
  test('has the dimensions of the table and a plain name', () => {
    const { turned, shape, linear } = Blueprint.of(shapes(3, 2), {}).weight('base.0.up');
    expect({ turned, shape, linear }).toEqual({ turned: true, shape: [3, 2], linear: true });
    expect(Blueprint.of(shapes(3, 2), {}).weight('base.0.down')).not.toHaveProperty('turned');
  });

  test('is read element by element from its mirrored place, whatever its type', () =>
    fc.assert(
      fc.asyncProperty(sizes, async ([ffn, width, dtype]) => {
        const before = stored(ffn, width, dtype);
        const after = fromStorage(family(ffn, width), before);
        expect(after.tensors.get('base.0.up')).toEqual({ name: 'base.0.up', shape: [ffn, width], dtype });
        const [from, to, bytes] = [await readBytes(before, 'base.0.up'), await readBytes(after, 'base.0.up'), DTYPE_BYTES[dtype]];
        for (let out = 0; out < ffn; out++)
          for (let into = 0; into < width; into++) {
            const [found, expected] = [out * width + into, into * ffn + out].map((at) => at * bytes) as [number, number];
            expect(to.subarray(found, found + bytes)).toEqual(from.subarray(expected, expected + bytes));
          }
        for (const name of ['base.embed', 'base.0.down']) expect(await readBytes(after, name)).toEqual(await readBytes(before, name));
      }),
      { numRuns: 30 },
    ));

  test('is written as it was stored: turned twice, every piece of it is itself', () =>
    fc.assert(
      fc.asyncProperty(sizes, fc.nat(200), fc.nat(200), async ([ffn, width, dtype], first, second) => {
        const before = stored(ffn, width, dtype);
        const blueprint = Blueprint.of(shapes(ffn, width), {});
        const twice = turnMatrices(blueprint, turnMatrices(blueprint, before));
        const [from, to] = [Math.min(first, second), Math.max(first, second)];
        const pieceOf = async (checkpoint: Checkpoint): Promise<number[]> => {
          const piece: number[] = [];
          for await (const bytes of checkpoint.stream('base.0.up', from, to)) piece.push(...bytes);
          return piece;
        };
        expect(twice.tensors).toEqual(before.tensors);
        expect(await pieceOf(twice)).toEqual(await pieceOf(before));
      }),
      { numRuns: 30 },
    ));

  test('is cut in the words of the table', async () => {
    const of = family(3, 2);
    const blueprint = of.blueprint({});
    const plan = Plan.of(blueprint, { keeps: new Map([['layers.0.ffn', Int32Array.of(0, 2)]]) });
    const cut = turnMatrices(plan.after, applyToCheckpoint(fromStorage(of, stored(3, 2)), plan));
    const whole = new Float32Array((await readBytes(stored(3, 2), 'base.0.up')).buffer);
    expect(cut.tensors.get('base.0.up')!.shape).toEqual([2, 2]);
    expect(Array.from(new Float32Array((await readBytes(cut, 'base.0.up')).slice().buffer))).toEqual([0, 2, 3, 5].map((at) => whole[at]));
  });
});

describe('names that leave out their beginning', () => {
  test('are completed where the table has them, others stay', async () => {
    const bare = stored(3, 2, 'F32', '');
    const extra = { ...bare, tensors: new Map([...bare.tensors, ['0.mask', { name: '0.mask', shape: [1], dtype: 'U8' as const }]]) };
    const found = fromStorage(family(3, 2, 'base.'), extra);
    expect([...found.tensors.keys()]).toEqual(['base.embed', 'base.0.up', 'base.0.down', '0.mask']);
    expect(await readBytes(found, 'base.0.down')).toEqual(await readBytes(bare, '0.down'));
  });

  test('stay as they are where the family says nothing, or the file has them in full', () => {
    const full = counted({ 'base.embed': [2] }, 'F32');
    expect(fromStorage(family(3, 2, 'base.'), full)).toBe(full);
    const bare = counted({ embed: [2] }, 'F32');
    expect(fromStorage(family(3, 2), bare)).toBe(bare);
  });
});
