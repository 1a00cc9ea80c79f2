import * as tf from '@tensorflow/tfjs-core';

/** Tensors that one program adds: WebGPU lets it see 8 buffers, of which one is the result. */
const ADDED_AT_ONCE = 7;

/** Mends a kernel of the WebGPU backend (version 4.22): AddN gives its program all tensors at once, more than a GPU has to take. */
export function mendWebgpuKernels(): void {
  const config = tf.getKernel('AddN', 'webgpu');
  tf.unregisterKernel('AddN', 'webgpu');
  tf.registerKernel({
    ...config,
    kernelFunc: (call) => {
      const tensors = call.inputs as unknown as tf.Tensor[];
      if (tensors.length <= ADDED_AT_ONCE) return config.kernelFunc(call);
      return tf.tidy(() => tf.addN([tf.addN(tensors.slice(0, ADDED_AT_ONCE)), ...tensors.slice(ADDED_AT_ONCE)]));
    },
  });
}
