/**
 * Registers the gradients of TensorFlow.js. Its core leaves that to the union package, which shares the one
 * registry of this process; without it `tf.grad` fails with "gradient function not found".
 */
export async function registerGradients(): Promise<void> {
  await import('@tensorflow/tfjs');
}
