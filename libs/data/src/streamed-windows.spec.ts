import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type PlaceKeeper, StreamedWindows, type StreamOptions, type TextPlaces } from './streamed-windows.js';
import type { Document } from './text.js';
import type { Tokenizer } from './tokenizer.js';
import { Windows } from './windows.js';

const END = 999;
/** A tokenizer of numbers: `3 4 5` are three tokens. */
const tokenizer = {
  eosId: END,
  *encodeLazily(text: string) {
    for (const word of text.split(' ').filter(Boolean)) yield { ids: [Number(word)] };
  },
} as unknown as Tokenizer;

/** Documents of so many tokens each, every token its own place in the text. */
function texts(lengths: readonly number[]): string[] {
  let at = 0;
  return lengths.map((length) => Array.from({ length }, () => at++).join(' '));
}

interface Reads {
  documents: number;
}

function opener(all: readonly string[], reads: Reads = { documents: 0 }): () => AsyncGenerator<Document> {
  return async function* () {
    for (const [line, text] of all.entries()) {
      reads.documents++;
      yield { text, file: 'x', line };
    }
  };
}

function whole(all: readonly string[], options: StreamOptions): Windows {
  const ids = all.flatMap((text) => [...text.split(' ').filter(Boolean).map(Number), END]);
  const documents: number[] = [];
  let at = 0;
  for (const text of all) {
    documents.push(at);
    at += text.split(' ').filter(Boolean).length + 1;
  }
  return new Windows({ ids: Int32Array.from(ids), documents: Int32Array.from(documents) }, options);
}

const options = (more: Partial<StreamOptions> = {}): StreamOptions => ({ window: 4, batchSize: 2, order: 'shuffled', seed: 0, shuffleBuffer: 3, ...more });

const cases = fc.record({
  lengths: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 4, maxLength: 14 }),
  size: fc.record({
    window: fc.integer({ min: 2, max: 5 }),
    batchSize: fc.integer({ min: 1, max: 4 }),
    seed: fc.nat(99),
    shuffleBuffer: fc.integer({ min: 1, max: 7 }),
  }),
});

test('sequential: batch for batch what the whole text in memory gives, with and without a document mask, over several epochs', async () => {
  await fc.assert(
    fc.asyncProperty(cases, fc.boolean(), async ({ lengths, size }, documentMask) => {
      const all = texts(lengths);
      const given = options({ ...size, order: 'sequential', documentMask });
      fc.pre(lengths.reduce((sum, length) => sum + length + 1, 0) >= given.window);
      const memory = whole(all, given);
      const stream = new StreamedWindows(opener(all), tokenizer, given);
      for (let step = 0; step * size.batchSize < 3 * memory.count; step++) expect(await stream.batch(step)).toEqual(memory.batch(step));
    }),
  );
});

test('shuffled: each window once an epoch, blocks in the order of the text, other orders in other epochs and with other seeds', async () => {
  const all = texts(Array.from({ length: 50 }, (_, i) => 7 + (i % 5)));
  const orderOf = async (seed: number): Promise<number[][]> => {
    const given = options({ batchSize: 1, shuffleBuffer: 25, seed });
    const { count } = whole(all, given);
    const stream = new StreamedWindows(opener(all), tokenizer, given);
    const places = new Map(Array.from({ length: count }, (_, i) => [String(whole(all, { ...given, order: 'sequential' }).batch(i).ids), i]));
    const epochs: number[][] = [];
    for (let i = 0; i < 2 * count; i++) (epochs[Math.floor(i / count)] ??= []).push(places.get(String((await stream.batch(i)).ids))!);
    return epochs;
  };
  const [first, second] = (await orderOf(0)) as [number[], number[]];
  for (const epoch of [first, second]) {
    expect([...epoch].sort((a, b) => a - b)).toEqual(first.map((_, i) => i));
    epoch.forEach((window, i) => expect(Math.floor(window / 25)).toBe(Math.floor(i / 25)));
  }
  expect(first).not.toEqual(first.map((_, i) => i));
  expect(new Set([first, second, (await orderOf(1))[0]].map(String)).size).toBe(3);
});

test('a batch depends on its index alone: a run that goes on, with or without what is known of the text, reads on at the token', async () => {
  await fc.assert(
    fc.asyncProperty(cases, fc.nat(20), fc.nat(20), async ({ lengths, size }, stopped, further) => {
      const all = texts(lengths);
      const given = options(size);
      fc.pre(lengths.reduce((sum, length) => sum + length + 1, 0) >= given.window);
      let kept: string | undefined;
      const keeper: PlaceKeeper = {
        read: () => Promise.resolve(kept === undefined ? undefined : (JSON.parse(kept) as TextPlaces)),
        write: (places) => Promise.resolve(void (kept = JSON.stringify(places))),
      };
      const before = new StreamedWindows(opener(all), tokenizer, given);
      await before.ready(0, { keeper });
      for (let step = 0; step <= stopped; step++) await before.batch(step);
      const knowing = new StreamedWindows(opener(all), tokenizer, given);
      await knowing.ready(stopped + 1, { keeper });
      for (let step = stopped + 1; step <= stopped + further; step++) {
        const batch = await before.batch(step);
        expect(await knowing.batch(step)).toEqual(batch);
        expect(await new StreamedWindows(opener(all), tokenizer, given).batch(step)).toEqual(batch);
      }
    }),
    { numRuns: 40 },
  );
});

test('documents before the place are passed over, not tokenised', async () => {
  const all = texts(Array.from({ length: 40 }, () => 9));
  let tokenised = 0;
  const counting = { ...tokenizer, encodeLazily: (text: string) => (tokenised++, tokenizer.encodeLazily(text)) } as unknown as Tokenizer;
  let places: TextPlaces | undefined;
  const keeper: PlaceKeeper = { read: () => Promise.resolve(places), write: (more) => Promise.resolve(void (places = more)) };
  const given = options({ window: 10, batchSize: 5, shuffleBuffer: 5 });
  const first = new StreamedWindows(opener(all), counting, given);
  await first.ready(0, { keeper });
  for (const step of [0, 1, 2, 3]) await first.batch(step);
  tokenised = 0;
  const second = new StreamedWindows(opener(all), counting, given);
  await second.ready(3, { keeper });
  expect(await second.batch(3)).toEqual(await first.batch(3));
  expect(tokenised).toBeLessThanOrEqual(6);
});

test('only answers count, as in memory', async () => {
  const conversation = (answers: string): Document => ({ messages: [{ role: 'assistant', content: answers }], file: 'x', line: 1 });
  const chatting = {
    eosId: END,
    chat: (messages: { content: string }[], { addGenerationPrompt = false } = {}) =>
      `${addGenerationPrompt ? '' : messages.map(({ content }) => content).join('')}`,
    encode: (text: string) => [...text].map((letter) => letter.charCodeAt(0)),
  } as unknown as Tokenizer;
  async function* open(): AsyncGenerator<Document> {
    for (const text of ['abcd', 'ef']) yield conversation(text);
    yield { ...conversation('gh'), messages: [{ role: 'user', content: 'xxxxxxxxxx' }] };
  }
  const stream = new StreamedWindows(open, chatting, options({ batchSize: 1, order: 'sequential', shuffleBuffer: 2 }));
  expect(Buffer.from((await stream.batch(0)).ids).toString()).toBe('abcd');
  expect([...(await stream.batch(0)).weights!]).toEqual([1, 1, 1, 0]);
  expect(Buffer.from((await stream.batch(1)).ids).toString()).toBe('efxx');
  expect([...(await stream.batch(1)).weights!]).toEqual([1, 0, 0, 0]);
  // The windows of the question alone have nothing to learn: the text begins again.
  expect(Buffer.from((await stream.batch(2)).ids).toString()).toBe('abcd');
});

test('a text without a window, without a prediction, and another text than before are refused', async () => {
  const refused = async (lengths: readonly number[], more: Partial<StreamOptions>, places?: TextPlaces): Promise<unknown> => {
    const keeper: PlaceKeeper = { read: () => Promise.resolve(places), write: () => Promise.resolve() };
    const stream = new StreamedWindows(opener(texts(lengths)), tokenizer, options({ batchSize: 1, ...more }));
    return stream.ready(0, { keeper }).then(
      async () => {
        for (const step of [1, 2, 3, 4, 5, 6]) await stream.batch(step);
      },
      (error: { code: string }) => Promise.reject(error),
    );
  };
  await expect(refused([2], {})).rejects.toMatchObject({ code: 'DATA_SHORT', message: expect.stringMatching(/3 tokens of text.*window of 4/) as unknown });
  await expect(refused([0, 0, 0, 0], { window: 2, documentMask: true })).rejects.toMatchObject({ code: 'DATA_NO_ANSWERS' });
  await expect(refused([8, 8, 8], { shuffleBuffer: 1 }, { blocks: [[0, 0], [0, 7]] })).rejects.toMatchObject({ code: 'DATA_CHANGED' }); // prettier-ignore
  await expect(refused([8, 8, 8], {}, { blocks: [[0, 0]], windows: 9 })).rejects.toMatchObject({ code: 'DATA_CHANGED', message: expect.stringMatching(/found 6 windows, expected the 9/) as unknown }); // prettier-ignore
});

test('an interrupt stops the reading that comes before the run', async () => {
  const controller = new AbortController();
  controller.abort();
  const stream = new StreamedWindows(opener(texts([8, 8])), tokenizer, options());
  await expect(stream.ready(0, { signal: controller.signal })).rejects.toMatchObject({ code: 'INTERRUPTED' });
});
