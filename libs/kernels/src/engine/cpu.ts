import * as tf from '@tensorflow/tfjs-core';
import type { Engine } from './engine.js';
import { registerGpuTwins } from './gpu-twins.js';

/** Makes plain JavaScript the backend of TensorFlow.js: always there, one thread, slow. */
export async function startCpu(reason: string): Promise<Engine> {
  await import('@tensorflow/tfjs-backend-cpu');
  await quietCpuBackend();
  registerGpuTwins('cpu');
  await tf.setBackend('cpu');
  return {
    name: 'cpu',
    version: `TensorFlow.js ${tf.version_core}`,
    threads: 1,
    device: 'cpu',
    reason,
    memory: () => ({ bytesInUse: tf.memory().numBytes, peakBytes: process.resourceUsage().maxRSS * 1024 }),
  };
}

/** On its first tensor in Node.js the backend advertises the native package; our own `reason` says it better. */
async function quietCpuBackend(): Promise<void> {
  await tf.setBackend('cpu');
  Object.assign(tf.backend(), { firstUse: false });
}
