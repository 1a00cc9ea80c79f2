import { existsSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startEngine } from '@chop/kernels';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { batchOf, tinyModel } from '../test/tiny.js';
import { trainOptions } from './options.js';
import { train } from './trainer.js';

/** Compiled code, caches and the allocator's regions have their size by the first; then it is looked three times. */
const LOOKS = [50, 100, 150, 200];
const STEPS = LOOKS.at(-1)!;

/** What a process may grow by in 50 steps for reasons of its own. A leak grows every time, other things once; what other specs left behind in the process may be given back meanwhile, tens of MB. */
const GROWTH_BYTES = 5e6;

/** Where Linux says what of a process is swapped out. */
const STATUS = '/proc/self/status';

beforeAll(async () => {
  await startEngine();
  setFlagsFromString('--expose-gc');
});

/** Memory of the process after JavaScript's own garbage is gone, what the system has swapped out meanwhile included. */
function held(): number {
  (runInNewContext('gc') as () => void)();
  const [, swapped] = (existsSync(STATUS) && /^VmSwap:\s*(\d+) kB$/m.exec(readFileSync(STATUS, 'utf8'))) || [];
  return process.memoryUsage().rss + 1024 * Number(swapped ?? 0);
}

async function growth(checkpointBlocks: boolean, each: () => void = () => undefined): Promise<{ tensors: number; bytes: number }> {
  const model = await tinyModel();
  const seen: { tensors: number; bytes: number }[] = [];
  await train({
    model,
    options: trainOptions.parse({ steps: STEPS, batchSize: 16, window: 8, accumulate: 2, checkpointBlocks }),
    batch: batchOf(16),
    onEvent: (event) => {
      each();
      if (event.type === 'step' && LOOKS.includes(event.step)) seen.push({ tensors: tf.memory().numTensors, bytes: held() });
    },
  });
  model.drop();
  const grown = seen.slice(1).map(({ bytes }, i) => bytes - seen[i]!.bytes);
  return { tensors: seen.at(-1)!.tensors - seen[0]!.tensors, bytes: Math.min(...grown) };
}

test.each([false, true])('200 steps leave no tensor behind, and resident memory stays (layers computed again: %s)', async (checkpointBlocks) => {
  const { tensors, bytes } = await growth(checkpointBlocks);
  expect(tensors).toBe(0);
  expect(bytes).toBeLessThan(GROWTH_BYTES);
});

test('a leak of a tensor of 2 MB at each step would be seen', async () => {
  const kept: tf.Tensor[] = [];
  const { tensors, bytes } = await growth(false, () => void kept.push(tf.keep(tf.tidy(() => tf.add(tf.zeros([64, 8192]), 1)))));
  expect(tensors).toBe(STEPS - LOOKS[0]!);
  expect(bytes).toBeGreaterThan(GROWTH_BYTES);
  tf.dispose(kept);
});
