import type { GpuTwin, Thread } from './gpu-twin.js';

/** `|W|` */
export const magnitudeTwin: GpuTwin = {
  row: 'Magnitude',
  quickerOn: [],
  call: ({ weight }) => ({
    inputs: [weight!.values],
    constants: {},
    thread: function (this: Thread<object>, w: Float32Array) {
      return Math.abs(w[this.thread.x]!);
    },
    shape: weight!.shape,
    dtype: 'float32',
  }),
};
