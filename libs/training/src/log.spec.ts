import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readEvents, TrainingLog } from './log.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'chop-log-'))));
afterAll(() => rm(folder, { recursive: true }));

test('a log that goes on forgets what came after the snapshot and a line that was cut off', async () => {
  const file = join(folder, 'events.jsonl');
  const event = (step: number) => ({ type: 'edit' as const, step, tokens: 8 * step, explanation: 'layer 4 → 3' });
  const log = await TrainingLog.open(file, 0);
  for (const step of [1, 2, 3]) await log.append(event(step));
  await appendFile(file, '{"type":"edit","st');
  expect((await readEvents(file)).map(({ step }) => step)).toEqual([1, 2, 3]);
  const resumed = await TrainingLog.open(file, 2);
  await resumed.append(event(3));
  expect(
    (await readFile(file, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([1, 2, 3].map(event));
  expect((await TrainingLog.open(file, 0)).events).toEqual([]);
});
