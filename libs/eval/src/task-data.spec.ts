import { fileURLToPath } from 'node:url';
import { CheckpointError } from '@chop/core';
import { expect, test } from '@jest/globals';
import { TaskData } from './task-data.js';
import type { TaskDefinition } from './task-file.js';

const PARQUET = fileURLToPath(new URL('../../data/test/parquet/kinds.parquet', import.meta.url));

function definition(config: object): TaskDefinition {
  return { config: { task: 'own', dataset_path: 'org/rows', test_split: 'test', ...config }, file: 'own.yaml', folders: [] } as unknown as TaskDefinition;
}

test('a file of parquet: integers, lists and groups of columns are what they are in JSON', async () => {
  const documents = await new TaskData(definition({}), { files: { own: PARQUET }, hooks: {} }).documents('test');
  expect(documents).toHaveLength(40);
  expect(documents[4]).toMatchObject({ document: { label: 1, choices: { text: ['a', 'b4'], label: ['A', 'B'] } }, place: { file: PARQUET, line: 5 } });
});

test.each([
  [{ dataset_name: 'small' }, 'hf:org/rows:small/test'],
  [{ dataset_name: null }, 'hf:org/rows:/test'],
  [{ dataset_path: 'rows', dataset_kwargs: { revision: 'v1' } }, 'hf:rows@v1:/test'],
])('the data set that a task names: %j', async (config, name) => {
  const asked: string[] = [];
  const hub = (data: string): Promise<(() => Promise<string>)[]> => (asked.push(data), Promise.resolve([() => Promise.resolve(PARQUET)]));
  const data = new TaskData(definition(config), { hooks: {}, hub });
  expect(await data.documents('test')).toHaveLength(40);
  expect(asked).toEqual([name]);
  expect(await new TaskData(definition(config), { files: { own: PARQUET }, hooks: {}, hub }).documents('test')).toHaveLength(40);
  expect(asked).toHaveLength(1);
});

test('what the hub does not give is told with the flag that stands in for it', async () => {
  const hub = (): Promise<never> => Promise.reject(new CheckpointError('HUB_OFFLINE', { found: 'no copy in the cache', remedy: 'Unset it.' }));
  await expect(new TaskData(definition({}), { hooks: {}, hub }).documents('test')).rejects.toMatchObject({
    code: 'TASK_DATA',
    message: expect.stringMatching(/hf:org\/rows:\/test.*no copy in the cache.*Unset it.*--task-data own=FILE/) as unknown,
  });
});
