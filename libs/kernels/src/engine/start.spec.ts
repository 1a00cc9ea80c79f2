import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { startEngine } from './start.js';

const empty = await mkdtemp(join(tmpdir(), 'chop-start-'));
const home = process.env['CHOP_HOME'];
process.env['CHOP_HOME'] = empty;

afterAll(async () => {
  if (home === undefined) delete process.env['CHOP_HOME'];
  else process.env['CHOP_HOME'] = home;
  await rm(empty, { recursive: true });
});

test('tensorflow that is not installed is an error which names the command', async () => {
  await expect(startEngine({ engine: 'tensorflow' })).rejects.toMatchObject({
    code: 'ENGINE_MISSING',
    exitCode: 3,
    facts: { remedy: expect.stringContaining('chop engine install') },
  });
});

test('after that, without a wish, wasm starts and tells how to get the fast engine', async () => {
  const engine = await startEngine();
  expect(engine.name).toBe('wasm');
  expect(engine.reason).toContain('not installed');
  expect(engine.reason).toContain('chop engine install');
});
