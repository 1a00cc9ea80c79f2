import type { GpuTwin, Thread } from './gpu-twin.js';

/** Rows that one partial sum takes, which keeps digits in float32. */
const BLOCK = 64;

/** Σ |S| over the rows */
export const columnSumsTwin: GpuTwin = {
  row: 'ColumnSums',
  quickerOn: ['wasm', 'cpu'],
  call: ({ scores }) => ({
    inputs: [scores!.values],
    constants: { rows: scores!.shape[0]!, columns: scores!.shape[1]!, block: BLOCK, blocks: Math.ceil(scores!.shape[0]! / BLOCK) },
    thread: function (this: Thread<{ rows: number; columns: number; block: number; blocks: number }>, s: Float32Array) {
      let total = 0.0;
      for (let block = 0; block < this.constants.blocks; block++) {
        let sum = 0.0;
        for (let i = 0; i < this.constants.block; i++) {
          const row = block * this.constants.block + i;
          if (row < this.constants.rows) sum += Math.abs(s[row * this.constants.columns + this.thread.x]!);
        }
        total += sum;
      }
      return total;
    },
    shape: [scores!.shape[1]!],
    dtype: 'float32',
  }),
};
