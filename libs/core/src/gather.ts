/** Positions that stay along each dimension of a tensor; `undefined` = all of them. */
export type Positions = readonly (Int32Array | undefined)[];

/** The shape after keeping `positions`. */
export function gatheredShape(shape: readonly number[], positions: Positions): number[] {
  return shape.map((size, i) => positions[i]?.length ?? size);
}

/**
 * Copies the elements at `positions` out of a row-major tensor, whatever its element type:
 * `width` is the number of array entries that one element takes (1 for typed arrays of elements, the element's size for bytes).
 */
export function gather<T extends Uint8Array | Float32Array>(source: T, shape: readonly number[], positions: Positions, width = 1): T {
  let lead = shape.length;
  while (lead > 0 && !positions[lead - 1]) lead--;
  const run = shape.slice(lead).reduce((product, size) => product * size, width);
  const offsets = elementOffsets(shape.slice(0, lead), positions.slice(0, lead), run);
  const out = new (source.constructor as new (length: number) => T)(offsets.length * run);
  if (run === 1) for (let i = 0; i < offsets.length; i++) out[i] = source[offsets[i]!]!;
  else for (let i = 0; i < offsets.length; i++) out.set(source.subarray(offsets[i]!, offsets[i]! + run) as never, i * run);
  return out;
}

/** The contiguous row ranges `[from, to)` along the first dimension that `positions` selects, merged. */
export function rowRanges(positions: Int32Array): [number, number][] {
  const ranges: [number, number][] = [];
  for (const position of positions) {
    const last = ranges.at(-1);
    if (last && last[1] === position) last[1]++;
    else ranges.push([position, position + 1]);
  }
  return ranges;
}

function elementOffsets(shape: readonly number[], positions: Positions, run: number): Float64Array {
  let offsets = new Float64Array([0]);
  shape.forEach((size, dimension) => {
    const kept = positions[dimension];
    const count = kept?.length ?? size;
    const next = new Float64Array(offsets.length * count);
    for (let i = 0, o = 0; i < offsets.length; i++) for (let k = 0; k < count; k++) next[o++] = offsets[i]! * size + (kept ? kept[k]! : k);
    offsets = next;
  });
  return offsets.map((offset) => offset * run);
}
