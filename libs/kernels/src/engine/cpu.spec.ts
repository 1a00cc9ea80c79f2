import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { distance, EXPECTED, runBlock } from '../../test/engine-block.js';
import { startEngine } from './start.js';

test('the engine cpu computes what PyTorch does, gradients included', async () => {
  const engine = await startEngine({ engine: 'cpu' });
  expect(engine).toMatchObject({ name: 'cpu', version: 'TensorFlow.js 4.22.0', device: 'cpu', reason: 'asked for' });
  expect(tf.getBackend()).toBe('cpu');
  expect(distance(runBlock(), EXPECTED)).toBeLessThan(4e-6);
});
