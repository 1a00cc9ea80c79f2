import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { checkDisk } from './disk.js';

const missing = Object.assign(new Error('no such folder'), { code: 'ENOENT' });

test('an output that its disk has no room for is refused before it is begun, its nearest folder asked', async () => {
  const asked: string[] = [];
  const free = (folder: string): Promise<number> => (asked.push(folder), folder === '/models' ? Promise.resolve(5e9) : Promise.reject(missing));
  await checkDisk('/models/new/deep/out', 4.9e9, free);
  expect(asked).toEqual(['/models/new/deep', '/models/new', '/models']);
  await expect(checkDisk('/models/out', 13.5e9, free)).rejects.toMatchObject({
    code: 'OUTPUT_DISK_FULL',
    message: '/models/out: found 5.0 GB of free space, expected room for 13.5 GB. Free some space or choose another disk; nothing was written.',
  });
});

test('a disk that cannot be asked refuses nothing; a real one has room for little and not for everything', async () => {
  await checkDisk('/models/out', 1e18, () => Promise.reject(new Error('not here')));
  await checkDisk(join(tmpdir(), 'out'), 10);
  await expect(checkDisk(join(tmpdir(), 'out'), 1e18)).rejects.toMatchObject({ code: 'OUTPUT_DISK_FULL' });
});
