import { toFloat32 } from '@chop/core';
import type { GpuTwin, Thread, TwinCall } from './gpu-twin.js';

/** Elements of a block, bytes of a float16. */
const [ELEMENTS, HALF] = [32, 2];

type Block = Thread<{ bytes: number; halves: number }>;
type Bytes = Uint8Array;

/** By ggml's number of the type: the bytes of a block, its float16 numbers, and what one element is. */
const TYPES: Readonly<Record<number, { readonly bytes: number; readonly halves: number; readonly thread: TwinCall['thread'] }>> = {
  2: {
    bytes: 18,
    halves: 1,
    thread: function (this: Block, blocks: Bytes, numbers: Float32Array) {
      const block = Math.floor(this.thread.x / 32);
      const at = this.thread.x % 32;
      const byte = blocks[block * this.constants.bytes + 2 + (at % 16)]!;
      return ((at < 16 ? byte % 16 : Math.floor(byte / 16)) - 8) * numbers[block]!;
    },
  },
  3: {
    bytes: 20,
    halves: 2,
    thread: function (this: Block, blocks: Bytes, numbers: Float32Array) {
      const block = Math.floor(this.thread.x / 32);
      const at = this.thread.x % 32;
      const byte = blocks[block * this.constants.bytes + 4 + (at % 16)]!;
      return (at < 16 ? byte % 16 : Math.floor(byte / 16)) * numbers[2 * block]! + numbers[2 * block + 1]!;
    },
  },
  8: {
    bytes: 34,
    halves: 1,
    thread: function (this: Block, blocks: Bytes, numbers: Float32Array) {
      const block = Math.floor(this.thread.x / 32);
      const byte = blocks[block * this.constants.bytes + 2 + (this.thread.x % 32)]!;
      return (byte < 128 ? byte : byte - 256) * numbers[block]!;
    },
  },
};

/** The float32 numbers of quantised blocks. The float16 numbers are read on the host: one or two of 32. */
export const dequantiseTwin: GpuTwin = {
  row: 'Dequantise',
  quickerOn: [],
  call: ({ blocks }, { type }) => {
    const { bytes, halves, thread } = TYPES[type!]!;
    const values = blocks!.values as Bytes;
    const count = values.length / bytes;
    const heads = new Uint8Array(count * halves * HALF);
    for (let block = 0; block < count; block++) heads.set(values.subarray(block * bytes, block * bytes + halves * HALF), block * halves * HALF);
    return { inputs: [values, toFloat32(heads, 'F16')], constants: { bytes, halves }, thread, shape: [count * ELEMENTS], dtype: 'float32' };
  },
};
