import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { applyToCheckpoint } from './apply.js';
import { Blueprint, type Shapes } from './blueprint.js';
import { type Checkpoint, elementCount, fromFloat32, readBytes, toFloat32 } from './checkpoint.js';
import { Mask } from './mask.js';
import { Plan } from './plan.js';

/** A family of two weights per layer and one outside. */
const shapes: Shapes = {
  name: 'toy',
  axes: () => ({
    layer: { size: 4 },
    width: { size: 3 },
    ffn: { size: 4, perLayer: true, uniform: true },
    vocab: { size: 5, pinned: 'It belongs to the tokenizer.' },
  }),
  table: () => ({
    outer: { embed: ['embed', 'vocab', 'width'] },
    layer: { up: ['up', 'ffn', 'width'], down: ['down', 'width', 'ffn'] },
    prefix: (at) => `layers.${at}.`,
  }),
  resize: (config, axes) => ({ ...config, layers: axes.layers }),
};
const toy = Blueprint.of(shapes, { layers: 4 });

/** Every element tells where it comes from: 1000 · weight + position. */
const checkpoint: Checkpoint = {
  source: 'toy',
  config: toy.config,
  companions: new Map(),
  tensors: new Map([...toy.weights.values()].map(({ name, shape }) => [name, { name, shape, dtype: 'F32' as const }])),
  async *stream(name, from = 0, to) {
    const number = [...toy.weights.keys()].indexOf(name);
    const values = Float32Array.from({ length: elementCount(toy.weight(name).shape) }, (_, i) => 1000 * number + i);
    yield fromFloat32(values, 'F32').slice(from, to);
  },
  close: async () => {},
};

async function values(model: Checkpoint, name: string): Promise<number[]> {
  return [...toFloat32(await readBytes(model, name), 'F32')];
}

const keeping = (model: Blueprint, keeps: Record<string, number[]>, masks: Record<string, Mask> = {}): Plan =>
  Plan.of(model, { keeps: new Map(Object.entries(keeps)), masks: new Map(Object.entries(masks)) });

describe('a plan', () => {
  test('cuts every weight that has the axis', async () => {
    const cut = applyToCheckpoint(checkpoint, keeping(toy, { width: [0, 2], 'layers.1.ffn': [1, 3], layer: [0, 1] }));
    expect([...cut.tensors.keys()]).toEqual(['embed', 'layers.0.up', 'layers.0.down', 'layers.1.up', 'layers.1.down']);
    expect(await values(cut, 'embed')).toEqual([0, 2, 3, 5, 6, 8, 9, 11, 12, 14]);
    // Row 1 and 3 of [ffn 4, width 3], columns 0 and 2; weight 3 of the file.
    expect(await values(cut, 'layers.1.up')).toEqual([3003, 3005, 3009, 3011]);
    expect(await values(cut, 'layers.1.down')).toEqual([4001, 4003, 4009, 4011]);
  });

  test('two plans are one: indices are of the first model, names of the last', async () => {
    const first = keeping(toy, { layer: [0, 2, 3], width: [1, 2] });
    const second = keeping(first.after, { layer: [0, 2], width: [1], 'layers.2.ffn': [3] });
    const both = first.followedBy(second);
    expect(Object.fromEntries([...both.keeps].map(([key, indices]) => [key, [...indices]]))).toEqual({ layer: [0, 3], width: [2], 'layers.3.ffn': [3] });
    expect(await values(applyToCheckpoint(checkpoint, both), 'layers.1.up')).toEqual([7000 + 3 * 3 + 2]);
  });

  test('a dropped layer forgets what was cut in it', () => {
    const first = keeping(toy, { 'layers.1.ffn': [0] });
    expect([...first.followedBy(keeping(first.after, { layer: [0, 2] })).keeps.keys()]).toEqual(['layer']);
  });

  test('masks intersect, and are cut along with their weight', async () => {
    const down = 'layers.0.down';
    const mask = (...kept: number[]): Mask =>
      Mask.from(
        [3, 4],
        Array.from({ length: 12 }, (_, i) => kept.includes(i)),
      );
    const masked = keeping(toy, {}, { [down]: mask(0, 1, 2, 5, 6) }).followedBy(keeping(toy, {}, { [down]: mask(1, 2, 6, 7) }));
    expect([...masked.masks.get(down)!.unpack()]).toEqual([0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    const cut = masked.followedBy(keeping(masked.after, { 'layers.0.ffn': [1, 3] }));
    expect([...cut.masks.get(down)!.unpack()]).toEqual([1, 0, 0, 0, 0, 0]);
    expect(await values(applyToCheckpoint(checkpoint, cut), down)).toEqual([2001, 0, 0, 0, 0, 0]);
  });

  test('new values forget the masks before them and take those after', async () => {
    const half = Mask.from([4, 3], [1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0]);
    const replaced = keeping(toy, {}, { 'layers.0.up': half }).followedBy(
      Plan.of(toy, { replacements: new Map([['layers.0.up', new Float32Array(12).fill(7)]]) }),
    );
    expect(replaced.masks.size).toBe(0);
    const both = replaced.followedBy(keeping(toy, {}, { 'layers.0.up': half }));
    expect(await values(applyToCheckpoint(checkpoint, both), 'layers.0.up')).toEqual([7, 0, 0, 7, 0, 0, 7, 0, 0, 7, 0, 0]);
  });

  test('one after the other gives the bytes of both at once, whatever the plans', async () => {
    const some = (size: number) =>
      fc.subarray(
        Array.from({ length: size }, (_, i) => i),
        { minLength: 1 },
      );
    await fc.assert(
      fc.asyncProperty(some(4), some(3), some(4), fc.infiniteStream(fc.boolean()), fc.gen(), async (layers, width, ffn, bits, draw) => {
        const first = keeping(toy, { layer: layers, width, 'layers.0.ffn': ffn });
        const [name, weight] = [...first.after.weights].at(-1)!;
        const kept = [...bits.take(elementCount(weight.shape))];
        const masked = first.followedBy(keeping(first.after, {}, { [name]: Mask.from(weight.shape, kept) }));
        const second = keeping(masked.after, { layer: draw(some, layers.length), width: draw(some, width.length) });
        const stepwise = applyToCheckpoint(applyToCheckpoint(checkpoint, masked), second);
        const atOnce = applyToCheckpoint(checkpoint, masked.followedBy(second));
        expect([...atOnce.tensors]).toEqual([...stepwise.tensors]);
        for (const tensor of stepwise.tensors.keys()) expect(await values(atOnce, tensor)).toEqual(await values(stepwise, tensor));
        expect(atOnce.config).toEqual(stepwise.config);
      }),
      { numRuns: 60 },
    );
  });

  test('explains itself: axes, masks, parameters before and after', () => {
    const plan = keeping(toy, { layer: [0, 1, 3], 'layers.0.ffn': [0, 1], 'layers.3.ffn': [2, 3] });
    expect(plan.explain()).toBe('layer 4 → 3 · ffn 4 → 2 in 2 layers · 0.0 M → 0.0 M parameters');
    expect(Plan.nothing(toy).explain()).toBe('nothing changes');
    expect(keeping(toy, {}, { 'layers.0.up': Mask.from([4, 3], [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]) }).explain()).toContain(
      '1 weights masked, 25.0 % of their elements kept',
    );
  });
});

describe('refused', () => {
  test.each<[string, Record<string, number[]>, string]>([
    ['indices that are not increasing', { width: [2, 1] }, 'PLAN_INDICES'],
    ['an index that is not there', { layer: [0, 4] }, 'PLAN_INDICES'],
    ['nothing kept', { width: [] }, 'PLAN_INDICES'],
    ['words of the vocabulary dropped', { vocab: [0, 1] }, 'AXIS_PINNED'],
    ['an axis that is not there', { depth: [0] }, 'AXIS_UNKNOWN'],
  ])('%s', (_, keeps, code) => expect(() => keeping(toy, keeps)).toThrow(expect.objectContaining({ code })));

  test('a mask of another shape, and values of another number', () => {
    expect(() => keeping(toy, {}, { 'layers.0.up': Mask.from([2], [1, 1]) })).toThrow(expect.objectContaining({ code: 'PLAN_SHAPE' }));
    expect(() => Plan.of(toy, { replacements: new Map([['layers.0.up', new Float32Array(3)]]) })).toThrow(expect.objectContaining({ code: 'PLAN_SHAPE' }));
  });

  test('a second plan for another model than the first one leaves', () => {
    const first = keeping(toy, { layer: [0, 1] });
    expect(() => first.followedBy(keeping(toy, { width: [0] }))).toThrow(expect.objectContaining({ code: 'PLAN_OTHER_MODEL' }));
  });

  test('layers that differ where the config has one number', () => {
    expect(() => keeping(toy, { 'layers.1.ffn': [0] }).after.checkUniform()).toThrow(expect.objectContaining({ code: 'AXIS_NOT_UNIFORM' }));
    expect(() => keeping(toy, { layer: [1], 'layers.1.ffn': [0] }).after.checkUniform()).not.toThrow();
  });
});
