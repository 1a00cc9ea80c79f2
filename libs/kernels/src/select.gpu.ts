import type { GpuTwin, Thread } from './gpu-twin.js';

/** 1 where fewer than `n` of the group go before: the larger ones, and equal ones of a lower index. */
export const keepNofMTwin: GpuTwin = {
  row: 'KeepNofM',
  quickerOn: ['wasm', 'cpu'],
  call: ({ scores }, { n, m }) => ({
    inputs: [scores!.values],
    constants: { n: n!, m: m! },
    thread: function (this: Thread<{ n: number; m: number }>, s: Float32Array) {
      const at = this.thread.x;
      const own = s[at]!;
      const first = at - (at % this.constants.m);
      let before = 0;
      for (let j = 0; j < this.constants.m; j++) {
        const other = s[first + j]!;
        if (other > own || (other === own && first + j < at)) before++;
      }
      return before < this.constants.n ? 1 : 0;
    },
    shape: scores!.shape,
    dtype: 'bool',
  }),
};
