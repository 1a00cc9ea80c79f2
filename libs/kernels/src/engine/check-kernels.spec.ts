import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { startBackends } from '../../test/backends.js';
import { checkKernels, kernelRows } from './check-kernels.js';
import { findEngine } from './installed.js';

test('the rows are all kernels, by name', async () => {
  const rows = await kernelRows();
  expect(rows).toEqual(expect.arrayContaining(['Adamw', 'AttentionGrad', 'CrossEntropy', 'Linear', 'TokenLogProbabilities']));
  expect(new Set(rows).size).toBe(rows.length);
});

test('native kernels are named with their level: every row has one', async () => {
  await startBackends();
  const { status, found, remedy } = await checkKernels(process.env);
  if ((await findEngine()) === undefined) return expect(found).toMatch(/references/);
  expect([status, remedy]).toEqual(['ok', undefined]);
  const rows = await kernelRows();
  expect(found.replace(/for (base|x86-64-v3|x86-64-v4( with \w+)?)/, 'for here')).toBe(`${rows.length} of ${rows.length} native, for here: ${rows.join(', ')}`);
});

test('without an engine all kernels are references', async () => {
  const home = await mkdtemp(join(tmpdir(), 'chop-kernels-'));
  expect(await checkKernels({ CHOP_HOME: home })).toMatchObject({ status: 'ok', found: expect.stringContaining('references') as unknown });
  await rm(home, { recursive: true });
});
