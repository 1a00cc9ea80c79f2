import { createRequire } from 'node:module';

/**
 * Registers the gradients of TensorFlow.js. Its core leaves that to the union package, which shares the one
 * registry of this process; without it `tf.grad` fails with "gradient function not found".
 */
export function registerGradients(): void {
  // An `import` would read its megabyte once more, for the names of its exports: four times as long.
  createRequire(import.meta.url)('@tensorflow/tfjs');
}
