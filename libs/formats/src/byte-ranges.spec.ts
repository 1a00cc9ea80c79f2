import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { openRanges, type RangedFile } from './byte-ranges.js';

const BYTES = Uint8Array.from({ length: 1000 }, (_, i) => (i * 31 + (i >> 5)) & 0xff);

let folder: string;
let path: string;
let file: RangedFile;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-ranges-'));
  path = join(folder, 'bytes');
  await writeFile(path, BYTES);
  file = await openRanges(path);
});
afterEach(async () => {
  await file.close();
  await rm(folder, { recursive: true });
});

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe('the pieces of a range', () => {
  test('are its bytes in order, none longer than asked for, whatever the range and the length', async () => {
    const within = fc.integer({ min: 0, max: BYTES.length });
    await fc.assert(
      fc.asyncProperty(within, within, fc.integer({ min: 1, max: 1200 }), async (one, other, pieceBytes) => {
        const [from, to] = [Math.min(one, other), Math.max(one, other)];
        const pieces: Uint8Array[] = [];
        for await (const piece of file.pieces(from, to, pieceBytes)) pieces.push(piece.slice());
        expect(Buffer.concat(pieces)).toEqual(Buffer.from(BYTES.subarray(from, to)));
        expect(pieces.map(({ length }) => length).slice(0, -1)).toEqual(Array<number>(Math.max(0, pieces.length - 1)).fill(pieceBytes));
      }),
      { numRuns: 100 },
    );
  });

  test('stay as they are while the next one is read, until it is asked for', async () => {
    let at = 0;
    for await (const piece of file.pieces(0, BYTES.length, 100)) {
      await turn();
      expect([...piece]).toEqual([...BYTES.subarray(at, at + piece.length)]);
      at += piece.length;
    }
    expect(at).toBe(BYTES.length);
  });

  test('of a file that became shorter come up to its end; the error is told with the piece that is cut', async () => {
    await truncate(path, 250);
    const pieces = file.pieces(0, BYTES.length, 100);
    for (const from of [0, 100]) {
      const { value } = await pieces.next();
      // The failing piece is being read meanwhile.
      await turn();
      expect([...(value as Uint8Array)]).toEqual([...BYTES.subarray(from, from + 100)]);
    }
    await expect(pieces.next()).rejects.toMatchObject({ code: 'CHECKPOINT_TRUNCATED', facts: { found: expect.stringContaining('byte 250') as unknown } });
  });

  test('may be left in the middle, though the piece ahead fails: nothing is left unheard, and the file closes', async () => {
    await truncate(path, 150);
    const unheard: unknown[] = [];
    const hear = (error: unknown): void => void unheard.push(error);
    process.on('unhandledRejection', hear);
    try {
      for await (const piece of file.pieces(0, BYTES.length, 100)) {
        expect(piece[0]).toBe(BYTES[0]);
        break;
      }
      await file.close();
      await turn();
    } finally {
      process.off('unhandledRejection', hear);
    }
    expect(unheard).toEqual([]);
  });
});
