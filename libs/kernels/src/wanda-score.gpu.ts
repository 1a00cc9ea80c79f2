import type { GpuTwin, Thread } from './gpu-twin.js';

/** `|W[i, j]| · norm[j]` */
export const wandaScoreTwin: GpuTwin = {
  row: 'WandaScore',
  quickerOn: ['cpu'],
  call: ({ weight, norm }) => ({
    inputs: [weight!.values, norm!.values],
    constants: { columns: weight!.shape[1]! },
    thread: function (this: Thread<{ columns: number }>, w: Float32Array, n: Float32Array) {
      return Math.abs(w[this.thread.x]!) * n[this.thread.x % this.constants.columns]!;
    },
    shape: weight!.shape,
    dtype: 'float32',
  }),
};
