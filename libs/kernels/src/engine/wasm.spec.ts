import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { distance, EXPECTED, runBlock } from '../../test/engine-block.js';
import { startEngine } from './start.js';

test('the engine wasm computes what PyTorch does, gradients included', async () => {
  const engine = await startEngine({ engine: 'wasm' });
  expect(engine).toMatchObject({ name: 'wasm', version: 'TensorFlow.js 4.22.0', device: 'cpu', reason: 'asked for' });
  expect(tf.getBackend()).toBe('wasm');
  expect(distance(runBlock(), EXPECTED)).toBeLessThan(4e-6);
});
