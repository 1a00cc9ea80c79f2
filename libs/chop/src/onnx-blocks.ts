import { BLOCK } from './onnx-graph.js';

const { abs, max, min, round } = Math;

/** The scale of a block: its extreme value becomes the lowest level, which is the one that has no opposite. */
function scaleOf(values: Float32Array, from: number, half: number): number {
  let most = 0;
  for (let i = from; i < from + BLOCK; i++) if (abs(values[i]!) > abs(most)) most = values[i]!;
  return most / -half;
}

/** The scales of all blocks of 32, row after row. */
export function scalesOf(values: Float32Array, bits: 4 | 8): Float32Array {
  return Float32Array.from({ length: values.length / BLOCK }, (_, block) => scaleOf(values, block * BLOCK, 2 ** (bits - 1)));
}

/** The levels of all blocks, `round(x / scale) + 2^(bits − 1)`; two of four bits in a byte, the first one low (MatMulNBits of ONNX Runtime). */
export function blocksOf(values: Float32Array, bits: 4 | 8): Uint8Array {
  const half = 2 ** (bits - 1);
  const out = new Uint8Array((values.length * bits) / 8);
  for (let from = 0; from < values.length; from += BLOCK) {
    const scale = scaleOf(values, from, half);
    const inverse = scale === 0 ? 0 : 1 / scale;
    const level = (i: number): number => max(0, min(2 * half - 1, round(values[i]! * inverse) + half));
    if (bits === 8) for (let i = from; i < from + BLOCK; i++) out[i] = level(i);
    else for (let i = from; i < from + BLOCK; i += 2) out[i / 2] = level(i) | (level(i + 1) << 4);
  }
  return out;
}

/** What the levels and scales of {@link blocksOf} and {@link scalesOf} mean: `(level − 2^(bits − 1)) · scale`. */
export function valuesOf(blocks: Uint8Array, scales: Float32Array, bits: 4 | 8): Float32Array {
  const half = 2 ** (bits - 1);
  const level = (i: number): number => (bits === 8 ? blocks[i]! : (blocks[i >> 1]! >> (4 * (i % 2))) & 15);
  return Float32Array.from({ length: (blocks.length * 8) / bits }, (_, i) => (level(i) - half) * scales[Math.floor(i / BLOCK)]!);
}
