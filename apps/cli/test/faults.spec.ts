import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const FAULTS = fileURLToPath(new URL('../../../tools/faults.mjs', import.meta.url));
/** Every so many calls of a writer: all of them with `CHOP_FAULTS=all`, which takes minutes. */
const SAMPLE = process.env['CHOP_FAULTS'] === 'all' ? ['--every', '1'] : ['--every', '15', '--kills', '1'];
const MILLISECONDS = process.env['CHOP_FAULTS'] === 'all' ? 3_600_000 : 240_000;

test(
  'a disk that fails, a process that is killed and a second writer leave the old state or the new one, whatever is written',
  () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [FAULTS, ...SAMPLE], { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } });
    expect({ status, problems: /(\d+) problems/.exec(stdout)?.[1], report: status === 0 ? '' : `${stdout}${stderr}` }).toEqual({
      status: 0,
      problems: '0',
      report: '',
    });
    for (const writer of ['folder', 'plan', 'gguf', 'onnx', 'snapshot', 'run', 'report'])
      expect(stdout).toMatch(new RegExp(`^${writer}: \\d+ calls; [1-9]`, 'm'));
  },
  MILLISECONDS,
);
