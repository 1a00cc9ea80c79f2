import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { distance, EXPECTED, runBlock } from '../../test/engine-block.js';
import { findEngine } from './installed.js';
import { startEngine } from './start.js';

const installed = await findEngine();

test('the engine tensorflow computes what PyTorch does, or says that it is not installed', async () => {
  if (installed === undefined) {
    await expect(startEngine({ engine: 'tensorflow' })).rejects.toMatchObject({ code: 'ENGINE_MISSING', exitCode: 3 });
    return;
  }
  const engine = await startEngine({ engine: 'tensorflow' });
  expect(engine).toMatchObject({ name: 'tensorflow', version: 'TensorFlow 2.18.0' });
  expect(tf.getBackend()).toBe('tensorflow');
  expect(distance(runBlock(), EXPECTED)).toBeLessThan(4e-6);
});

test('an engine counts the bytes of live tensors', async () => {
  const engine = await startEngine();
  const before = engine.memory().bytesInUse;
  const tensor = tf.zeros([1000]);
  expect(engine.memory().bytesInUse - before).toBe(4000);
  expect(engine.memory().peakBytes).toBeGreaterThanOrEqual(engine.memory().bytesInUse);
  tensor.dispose();
});

/** Bytes of this process's memory that asked Linux for large pages. */
async function askedForLargePages(): Promise<number> {
  const mappings = (await readFile('/proc/self/smaps', 'utf8')).split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const asking = mappings.filter((mapping) => /^VmFlags:.* hg\b/m.test(mapping));
  return asking.reduce((sum, mapping) => sum + 1024 * Number(/^Size:\s+(\d+)/m.exec(mapping)?.[1]), 0);
}

const largePages = existsSync('/sys/kernel/mm/transparent_hugepage') && installed !== undefined;
(largePages ? test : test.skip)('all tensors ask for large pages, also those of other ops than ours', async () => {
  const { name, native } = await startEngine();
  expect(name).toBe('tensorflow');
  const tensor = tf.tidy(() => tf.neg(tf.fill([2 ** 24], 2)));
  const asked = await askedForLargePages();
  expect(asked).toBeGreaterThanOrEqual(native === undefined ? 0 : 0.9 * 4 * tensor.size);
  tensor.dispose();
});

test('starting again gives the running engine, and another one is refused', async () => {
  const engine = await startEngine();
  expect(await startEngine({ engine: engine.name })).toBe(engine);
  await expect(startEngine({ engine: 'cpu' })).rejects.toMatchObject({ code: 'ENGINE_RUNNING' });
});
