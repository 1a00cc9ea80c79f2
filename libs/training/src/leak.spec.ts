import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const SCRIPT = fileURLToPath(new URL('../test/two-hundred-steps.mjs', import.meta.url));

/** Steps from one look to the next. Compiled code, caches and the allocator's regions have their size by the first. */
const BETWEEN = 50;

/** What a process may grow by meanwhile for reasons of its own. A leak grows every time, other things once. */
const GROWTH_BYTES = 5e6;

/** Of the tensor that is kept at each step. */
const LEAKED_BYTES = 4 * 64 * 8192;

/** What 200 steps in a process of their own add, from look to look. */
function growth(mode: { checkpointBlocks: boolean; leak: boolean }): { tensors: number[]; bytes: number[] } {
  const printed = execFileSync(process.execPath, ['--expose-gc', SCRIPT, JSON.stringify(mode)], { encoding: 'utf8' });
  const looks = JSON.parse(printed) as { tensors: number; bytes: number }[];
  expect(looks).toHaveLength(4);
  const added = (key: 'tensors' | 'bytes'): number[] => looks.slice(1).map((look, i) => look[key] - looks[i]![key]);
  return { tensors: added('tensors'), bytes: added('bytes') };
}

test.each([false, true])('200 steps leave no tensor behind, and resident memory stays (layers computed again: %s)', (checkpointBlocks) => {
  const { tensors, bytes } = growth({ checkpointBlocks, leak: false });
  expect(tensors).toEqual([0, 0, 0]);
  expect(Math.min(...bytes)).toBeLessThan(GROWTH_BYTES);
});

test('a leak of a tensor of 2 MB at each step is seen', () => {
  const { tensors, bytes } = growth({ checkpointBlocks: false, leak: true });
  expect(tensors).toEqual([BETWEEN, BETWEEN, BETWEEN]);
  expect(Math.min(...bytes)).toBeGreaterThan((BETWEEN * LEAKED_BYTES) / 2);
});
