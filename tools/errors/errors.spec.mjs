import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ROOT } from '../workspace.mjs';
import { readingErrors } from './read.mjs';

test('docs/errors.md and its meanings have the codes that the sources throw, no more and no less', () => {
  const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'tools/errors.mjs')], { encoding: 'utf8' });
  expect({ status, wrong: stdout.split('\n').filter((line) => /^[A-Z_]+ (has|is)/.test(line)) }).toEqual({ status: 0, wrong: [] });
});

test('codes are read where they are thrown, passed on, and chosen', () => {
  const errors = readingErrors(ROOT);
  expect(errors.get('CHECKPOINT_HOLE')[0]).toMatchObject({
    kind: 'CheckpointError',
    file: 'libs/formats/src/safetensors.ts',
    found: expect.stringContaining('belong to no tensor'),
  });
  for (const code of ['INTERRUPTED', 'CHECKPOINT_CONFIG', 'FAMILY_LAW', 'COMMAND_UNKNOWN', 'INTERNAL']) expect([...errors.keys()]).toContain(code);
});
