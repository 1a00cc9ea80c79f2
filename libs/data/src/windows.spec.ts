import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { TokenTable } from './packing.js';
import { type WindowOptions, Windows } from './windows.js';

/** Tokens that are their own place in the text. */
const table = (length: number, more: Partial<TokenTable> = {}): TokenTable => ({
  ids: Int32Array.from({ length }, (_, i) => i),
  documents: Int32Array.of(0),
  ...more,
});

const options = (more: Partial<WindowOptions>): WindowOptions => ({ window: 4, batchSize: 2, order: 'shuffled', seed: 0, ...more });

const rows = ({ ids }: { ids: Int32Array }, window: number): number[][] =>
  Array.from({ length: ids.length / window }, (_, row) => [...ids.subarray(row * window, (row + 1) * window)]);

const sizes = fc
  .record({ window: fc.integer({ min: 1, max: 9 }), batchSize: fc.integer({ min: 1, max: 5 }), seed: fc.nat(99) })
  .chain((size) => fc.record({ size: fc.constant(size), length: fc.integer({ min: size.window, max: 120 }) }));

test('sequential: step s reads tokens s·B·W to (s+1)·B·W, then from the start again', () => {
  const windows = new Windows(table(27), options({ order: 'sequential' }));
  expect(windows.count).toBe(6);
  expect([0, 1, 2, 3].map((step) => [...windows.batch(step).ids])).toEqual([
    [0, 1, 2, 3, 4, 5, 6, 7],
    [8, 9, 10, 11, 12, 13, 14, 15],
    [16, 17, 18, 19, 20, 21, 22, 23],
    [0, 1, 2, 3, 4, 5, 6, 7],
  ]);
});

test('shuffled: in every epoch each window once, each of consecutive tokens, no token twice and less than a window left out', () => {
  fc.assert(
    fc.property(sizes, ({ size, length }) => {
      const windows = new Windows(table(length), options({ ...size, batchSize: 1 }));
      for (const epoch of [0, 1, 2]) {
        const starts: number[] = [];
        for (let i = 0; i < windows.count; i++) {
          const row = [...windows.batch(epoch * windows.count + i).ids];
          expect(row).toEqual(row.map((_, at) => row[0]! + at));
          starts.push(row[0]!);
        }
        const sorted = starts.sort((a, b) => a - b);
        expect(sorted).toEqual(sorted.map((_, i) => sorted[0]! + i * size.window));
        expect(length - windows.count * size.window).toBeLessThan(size.window);
        expect(sorted.at(-1)! + size.window).toBeLessThanOrEqual(length);
      }
    }),
  );
});

test('a batch depends on its index alone, and its rows are the sequences in order', () => {
  fc.assert(
    fc.property(
      sizes,
      fc.constantFrom('shuffled' as const, 'sequential' as const),
      fc.array(fc.nat(60), { maxLength: 8 }),
      ({ size, length }, order, history) => {
        const used = new Windows(table(length), options({ ...size, order }));
        for (const step of history) used.batch(step);
        const step = history.at(-1) ?? 0;
        const fresh = new Windows(table(length), options({ ...size, order })).batch(step);
        expect(used.batch(step)).toEqual(fresh);
        const single = new Windows(table(length), options({ ...size, order, batchSize: 1 }));
        expect(rows(fresh, size.window)).toEqual(Array.from({ length: size.batchSize }, (_, row) => [...single.batch(step * size.batchSize + row).ids]));
      },
    ),
  );
});

test('seeds and epochs differ in their order', () => {
  const orderOf = (seed: number, epoch: number): number[] => {
    const windows = new Windows(table(400), options({ seed, batchSize: 1 }));
    return Array.from({ length: 100 }, (_, i) => windows.batch(epoch * 100 + i).ids[0]!);
  };
  const orders = [orderOf(0, 0), orderOf(0, 1), orderOf(1, 0)].map(String);
  expect(new Set(orders).size).toBe(3);
  expect(orderOf(0, 0)).toEqual(orderOf(0, 0));
});

test('a document mask numbers the documents of each sequence and leaves out predictions across their borders', () => {
  const windows = new Windows(table(8, { documents: Int32Array.of(0, 3, 4) }), options({ order: 'sequential', documentMask: true }));
  const { segments, weights } = windows.batch(0);
  expect([...segments!]).toEqual([0, 0, 0, 1, 0, 0, 0, 0]);
  expect([...weights!]).toEqual([1, 1, 0, 0, 1, 1, 1, 0]);
});

test('segments rise by one exactly where documents begin', () => {
  fc.assert(
    fc.property(sizes, fc.uniqueArray(fc.nat(119), { maxLength: 20 }), ({ size, length }, places) => {
      fc.pre(size.window > 1 && size.seed < 50);
      const documents = Int32Array.from(new Set([0, ...places.filter((place) => place < length)])).sort();
      fc.pre(documents.length < length / 3);
      const windows = new Windows(table(length, { documents }), options({ ...size, documentMask: true }));
      const { ids, segments, weights } = windows.batch(3);
      ids.forEach((place, i) => {
        const first = i % size.window === 0;
        expect(segments![i]).toBe(first ? 0 : segments![i - 1]! + (documents.includes(place) ? 1 : 0));
        if (!first) expect(weights![i - 1]).toBe(documents.includes(place) ? 0 : 1);
      });
    }),
  );
});

test('only answers count, at the place that predicts them, and windows without any are left out', () => {
  const answers = Uint8Array.of(0, 0, 1, 1, /**/ 1, 0, 0, 0, /**/ 0, 1, 0, 0);
  const sequential = new Windows(table(12, { answers }), options({ order: 'sequential' }));
  expect(sequential.count).toBe(2);
  const { ids, weights } = sequential.batch(0);
  expect(rows({ ids }, 4)).toEqual([
    [0, 1, 2, 3],
    [8, 9, 10, 11],
  ]);
  expect([...weights!]).toEqual([0, 1, 1, 0, 1, 0, 0, 0]);
  const shuffled = new Windows(table(12, { answers }), options({ batchSize: 1 }));
  for (const epoch of [0, 1, 2]) expect([0, 1].map((i) => shuffled.batch(2 * epoch + i).ids[0]).sort()).toEqual([0, 8]);
});

test('texts that give no window, no answer or no places are refused', () => {
  const refused = (make: () => Windows) => {
    try {
      make();
    } catch (error) {
      return (error as { code: string }).code;
    }
    return 'accepted';
  };
  expect(refused(() => new Windows(table(3), options({})))).toBe('DATA_SHORT');
  expect(refused(() => new Windows(table(8, { answers: new Uint8Array(8) }), options({})))).toBe('DATA_NO_ANSWERS');
  expect(refused(() => new Windows({ ids: new Int32Array(8) }, options({ documentMask: true })))).toBe('DATA_DOCUMENTS');
  expect(refused(() => new Windows(table(4), options({})))).toBe('accepted');
});
