import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { writeStream } from './write-stream.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-write-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('small and large pieces, reused by their owner, come to disk in order', async () => {
  const path = join(folder, 'bytes');
  const sizes = [3, 262_143, 262_144, 0, 5, 1_000_000, 17];
  const buffer = new Uint8Array(Math.max(...sizes));
  await writeStream(path, {}, async (write) => {
    for (const [i, size] of sizes.entries()) await write(buffer.fill(i).subarray(0, size));
  });
  expect(await readFile(path)).toEqual(Buffer.concat(sizes.map((size, i) => Buffer.alloc(size, i))));
});

test('a disk that fails in the middle of a long file fails the file, though it takes the rest', async () => {
  const handle = await open(join(folder, 'other'), 'w');
  const sync = jest.spyOn(Object.getPrototypeOf(handle) as typeof handle, 'datasync').mockRejectedValueOnce(new Error('EIO'));
  await handle.close();
  const piece = new Uint8Array(1 << 20);
  const writing = writeStream(join(folder, 'bytes'), {}, async (write) => {
    for (let i = 0; i < 65; i++) await write(piece);
  });
  try {
    await expect(writing).rejects.toThrow('EIO');
    expect(sync).toHaveBeenCalledTimes(1);
  } finally {
    sync.mockRestore();
  }
});
