import type { GpuTwin, HostTensor, Thread } from './gpu-twin.js';

/** Numbers that one partial sum takes, which keeps digits in float32. */
const BLOCK = 64;

/** Where the numbers of one sum lie: `first · sum`, then every `step`th, `count` of them. */
interface Line {
  readonly sums: number;
  readonly count: number;
  readonly first: number;
  readonly step: number;
}

type Constants = Omit<Line, 'sums'> & { block: number; blocks: number };

/** Σ |S| along lines of a matrix. */
const sumsAlong = (row: string, quickerOn: GpuTwin['quickerOn'], lineOf: (rows: number, columns: number) => Line): GpuTwin => ({
  row,
  quickerOn,
  call: ({ scores }: Readonly<Record<string, HostTensor>>) => {
    const { sums, count, first, step } = lineOf(scores!.shape[0]!, scores!.shape[1]!);
    return {
      inputs: [scores!.values],
      constants: { count, first, step, block: BLOCK, blocks: Math.ceil(count / BLOCK) },
      thread: function (this: Thread<Constants>, s: Float32Array) {
        let total = 0.0;
        for (let block = 0; block < this.constants.blocks; block++) {
          let sum = 0.0;
          for (let i = 0; i < this.constants.block; i++) {
            const at = block * this.constants.block + i;
            if (at < this.constants.count) sum += Math.abs(s[this.thread.x * this.constants.first + at * this.constants.step]!);
          }
          total += sum;
        }
        return total;
      },
      shape: [sums],
      dtype: 'float32',
    };
  },
});

/** Σ |S| over the rows */
export const columnSumsTwin = sumsAlong('ColumnSums', ['wasm', 'cpu'], (rows, columns) => ({ sums: columns, count: rows, first: 1, step: columns }));

/** Σ |S| over the columns */
export const rowSumsTwin = sumsAlong('RowSums', [], (rows, columns) => ({ sums: rows, count: columns, first: columns, step: 1 }));
