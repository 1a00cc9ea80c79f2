import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layerChop } from '@chop/layer-chop';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Chop, compose, type OpenModel } from '../src/index.js';

let chop: Chop;
let folder: string;
let base: OpenModel;
let small: OpenModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chop-beside-'));
  chop = await compose();
  base = await chop.open('embedded');
  small = await chop.apply(base, await chop.plan(base, layerChop({ keep: 2 })));
});
afterAll(async () => {
  await base.close();
  await rm(folder, { recursive: true });
});

test('several models are timed in turns; the first is the base', async () => {
  const scores = await chop.evaluate({ base, small }, { latency: { batch: [1, 2], context: 5, tokens: 2, runs: 3, warmup: 0 } });
  expect(scores.base.latency).not.toHaveProperty('speedUps');
  expect(scores.small.latency!.speedUps).toMatchObject([
    { batch: 1, context: 5, prefill: { pairs: 3 } },
    { batch: 2, context: 5 },
  ]);
  expect(scores.base.latency!.weightBytes).toBe(4 * base.blueprint.parameters);
  expect(scores.small.latency!.weightBytes).toBe(4 * small.blueprint.parameters);
  expect(scores.small).toMatchObject({ parameters: small.blueprint.parameters });
});

test('several models are compared example by example, and the samples are told where they were asked for', async () => {
  const tasksDir = join(folder, 'tasks');
  const rows = join(folder, 'rows.jsonl');
  await writeFile(
    rows,
    ['The river runs', 'A city is', 'In the year', 'He was born'].map((goal) => `${JSON.stringify({ goal, choices: [' down', ' zq'], label: 0 })}\n`).join(''),
  );
  await mkdir(tasksDir);
  await writeFile(
    join(tasksDir, 'own.yaml'),
    'task: own\noutput_type: multiple_choice\ntest_split: test\ndoc_to_text: "{{goal}}"\ndoc_to_target: label\ndoc_to_choice: "{{choices}}"\nmetric_list:\n  - metric: acc\n',
  );
  const tasks = { tasks: ['own'], tasksDir: [tasksDir], taskData: { own: rows } };
  const { base: whole, small: cut } = await chop.evaluate({ base, small }, { tasks: { ...tasks, samples: true } });
  const right = (scores: typeof whole): Set<number> => new Set(scores.samples!.filter(({ acc }) => acc === 1).map(({ doc_id }) => doc_id));
  const [ours, theirs] = [right(whole), right(cut)];
  const { acc } = cut.paired!['own']!;
  expect(acc!.examples).toBe(4);
  expect(acc!.flips!.lost).toEqual([...ours].filter((id) => !theirs.has(id)));
  expect(acc!.flips!.gained).toEqual([...theirs].filter((id) => !ours.has(id)));
  expect(acc!.difference).toBeCloseTo(cut.tasks!['own']!['acc']! - whole.tasks!['own']!['acc']!, 12);
  expect(whole).not.toHaveProperty('paired');
  const unasked = await chop.evaluate({ base, small }, { tasks });
  expect(unasked.small.paired).toEqual(cut.paired);
  expect(unasked.small).not.toHaveProperty('samples');
});
