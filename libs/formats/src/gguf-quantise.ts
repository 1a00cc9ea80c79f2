import { readHalf, writeHalf } from './float16.js';

// Called some thousand million times: looked up once.
const { abs, floor, fround, max, min, round, sign, sqrt } = Math;

/** How floats become blocks: as many at a time, into as many bytes. */
export interface Quantiser {
  readonly blockElements: number;
  readonly blockBytes: number;
  /** Writes the block of `x[from … from + blockElements)` at `at`. */
  readonly block: (x: Float32Array, from: number, out: DataView, at: number) => void;
}

/** Elements of the plain block formats, and of the K formats. */
const BLOCK = 32;
const SUPER = 256;

/** The value of the largest magnitude, with its sign. */
function extreme(x: Float32Array, from: number, count: number): number {
  let most = 0;
  for (let i = from; i < from + count; i++) if (abs(x[i]!) > abs(most)) most = x[i]!;
  return most;
}

/** Half away from zero, as C's roundf. */
const rounded = (value: number): number => sign(value) * floor(abs(value) + 0.5);
const clamp = (value: number, low: number, high: number): number => min(high, max(low, value));
const inverse = (value: number): number => (value === 0 ? 0 : fround(1 / value));

/** block_q8_0: half d, 32 signed bytes; x = q · d. */
const q8_0: Quantiser = {
  blockElements: BLOCK,
  blockBytes: 34,
  block(x, from, out, at) {
    const d = fround(abs(extreme(x, from, BLOCK)) / 127);
    const each = inverse(d);
    writeHalf(out, at, d);
    for (let i = 0; i < BLOCK; i++) out.setInt8(at + 2 + i, rounded(fround(x[from + i]! * each)));
  },
};

/** block_q4_0: half d, 32 nibbles; x = (q − 8) · d. The extreme value becomes −8, which is the one that has no opposite. */
const q4_0: Quantiser = {
  blockElements: BLOCK,
  blockBytes: 18,
  block(x, from, out, at) {
    const d = fround(extreme(x, from, BLOCK) / -8);
    const each = inverse(d);
    const level = (i: number): number => min(15, floor(fround(fround(x[from + i]! * each) + 8.5)));
    writeHalf(out, at, d);
    for (let i = 0; i < BLOCK / 2; i++) out.setUint8(at + 2 + i, level(i) | (level(i + BLOCK / 2) << 4));
  },
};

/** block_q5_0: half d, the fifth bits of 32 levels, 32 nibbles; x = (q − 16) · d. */
const q5_0: Quantiser = {
  blockElements: BLOCK,
  blockBytes: 22,
  block(x, from, out, at) {
    const d = fround(extreme(x, from, BLOCK) / -16);
    const each = inverse(d);
    const level = (i: number): number => min(31, floor(fround(fround(x[from + i]! * each) + 16.5)));
    writeHalf(out, at, d);
    let high = 0;
    for (let i = 0; i < BLOCK / 2; i++) {
      const [low, up] = [level(i), level(i + BLOCK / 2)];
      out.setUint8(at + 6 + i, (low & 15) | ((up & 15) << 4));
      high |= ((low >> 4) << i) | ((up >> 4) << (i + BLOCK / 2));
    }
    out.setUint32(at + 2, high >>> 0, true);
  },
};

/** Scale and minimum of a part of a K block, and the levels that they give: x ≈ scale · level − least. */
interface Fit {
  scale: number;
  least: number;
}

/** Steps of the search for a scale, and how far it goes from the plain one, in levels. */
const SEARCH_STEPS = 20;
const SEARCH_FROM = -1;
const SEARCH_STEP = 0.1;

/**
 * The scale and minimum (never above zero) of `count` values at `levels + 1` levels whose weighted squared error is least among those that rounding
 * with nearby scales suggests; for each suggestion both follow by least squares. Large values weigh more.
 */
function fit(x: Float32Array, from: number, count: number, levels: number): Fit {
  let [low, high, squares] = [0, -Infinity, 0];
  for (let i = from; i < from + count; i++) {
    low = min(low, x[i]!);
    high = max(high, x[i]!);
    squares += x[i]! * x[i]!;
  }
  if (high <= low) return { scale: 0, least: -low };
  const typical = sqrt(squares / count);
  const error = ({ scale, least }: Fit): number => {
    let sum = 0;
    for (let i = from; i < from + count; i++) {
      const level = clamp(round((x[i]! + least) * inverse(scale)), 0, levels);
      const off = scale * level - least - x[i]!;
      sum += (typical + abs(x[i]!)) * off * off;
    }
    return sum;
  };
  let best: Fit = { scale: (high - low) / levels, least: -low };
  let bestError = error(best);
  for (let step = 0; step <= SEARCH_STEPS; step++) {
    const candidate = refined(x, from, count, levels, (levels + SEARCH_FROM + SEARCH_STEP * step) / (high - low), low, typical);
    const candidateError = error(candidate);
    if (candidate.scale > 0 && candidateError < bestError) [best, bestError] = [candidate, candidateError];
  }
  return best;
}

/** Least squares for scale and minimum, the levels being what rounding with `inverseScale` gives. */
function refined(x: Float32Array, from: number, count: number, levels: number, inverseScale: number, low: number, typical: number): Fit {
  let [weights, ofLevels, ofSquares, ofX, ofProducts] = [0, 0, 0, 0, 0];
  for (let i = from; i < from + count; i++) {
    const weight = typical + abs(x[i]!);
    const level = clamp(round(inverseScale * (x[i]! - low)), 0, levels);
    weights += weight;
    ofLevels += weight * level;
    ofSquares += weight * level * level;
    ofX += weight * x[i]!;
    ofProducts += weight * level * x[i]!;
  }
  const determinant = weights * ofSquares - ofLevels * ofLevels;
  if (determinant <= 0) return { scale: 0, least: 0 };
  const least = -(ofSquares * ofX - ofLevels * ofProducts) / determinant;
  if (least < 0) return { scale: ofProducts / ofSquares, least: 0 };
  return { scale: (weights * ofProducts - ofLevels * ofX) / determinant, least };
}

/** block_q4_K: half d, half dmin, eight 6-bit scales and minima in 12 bytes, 256 nibbles; x = d · scale · q − dmin · minimum. */
const q4_K: Quantiser = {
  blockElements: SUPER,
  blockBytes: 144,
  block(x, from, out, at) {
    const fits = Array.from({ length: 8 }, (_, part) => fit(x, from + 32 * part, 32, 15));
    const d = max(...fits.map(({ scale }) => scale)) / 63;
    const dmin = max(...fits.map(({ least }) => least)) / 63;
    writeHalf(out, at, d);
    writeHalf(out, at + 2, dmin);
    const six = (value: number, unit: number): number => min(63, round(value * inverse(unit)));
    const [scales, minima] = [fits.map(({ scale }) => six(scale, d)), fits.map(({ least }) => six(least, dmin))];
    for (let part = 0; part < 4; part++) {
      out.setUint8(at + 4 + part, scales[part]! | ((scales[part + 4]! >> 4) << 6));
      out.setUint8(at + 8 + part, minima[part]! | ((minima[part + 4]! >> 4) << 6));
      out.setUint8(at + 12 + part, (scales[part + 4]! & 15) | ((minima[part + 4]! & 15) << 4));
    }
    const [unit, unitMin] = [fround(readHalf(out, at)), fround(readHalf(out, at + 2))];
    const level = (i: number): number => {
      const [scale, least] = [unit * scales[i >> 5]!, unitMin * minima[i >> 5]!];
      return clamp(round((x[from + i]! + least) * inverse(scale)), 0, 15);
    };
    for (let pair = 0; pair < 4; pair++)
      for (let i = 0; i < 32; i++) out.setUint8(at + 16 + 32 * pair + i, level(64 * pair + i) | (level(64 * pair + 32 + i) << 4));
  },
};

/** The scale of 16 values at levels −32 … 31: of those that rounding with nearby scales suggests, by least squares, the one that explains most. Large values weigh more. */
function symmetricScale(x: Float32Array, from: number): number {
  const most = extreme(x, from, 16);
  if (most === 0) return 0;
  let [best, explained] = [0, 0];
  for (let step = -9; step <= 9; step++) {
    const inverseScale = -(32 + 0.1 * step) / most;
    let [along, squares] = [0, 0];
    for (let i = from; i < from + 16; i++) {
      const level = clamp(round(inverseScale * x[i]!), -32, 31);
      const weight = x[i]! * x[i]!;
      along += weight * x[i]! * level;
      squares += weight * level * level;
    }
    if (squares > 0 && along * along > explained * squares) [best, explained] = [along / squares, (along * along) / squares];
  }
  return best;
}

/** block_q6_K: low nibbles, high bit pairs, 16 signed scales, half d; x = d · scale · (q − 32). */
const q6_K: Quantiser = {
  blockElements: SUPER,
  blockBytes: 210,
  block(x, from, out, at) {
    const wanted = Array.from({ length: 16 }, (_, part) => symmetricScale(x, from + 16 * part));
    const d = wanted.reduce((most, scale) => (abs(scale) > abs(most) ? scale : most), 0) / -128;
    writeHalf(out, at + 208, d);
    const unit = readHalf(out, at + 208);
    const scales = wanted.map((scale) => min(127, round(scale * inverse(d))));
    scales.forEach((scale, part) => out.setInt8(at + 192 + part, scale));
    const level = (i: number): number => clamp(round(x[from + i]! * inverse(unit * scales[i >> 4]!)), -32, 31) + 32;
    for (let part = 0; part < 2; part++)
      for (let i = 0; i < 32; i++) {
        const [a, b, c, e] = [0, 32, 64, 96].map((more) => level(128 * part + more + i)) as [number, number, number, number];
        out.setUint8(at + 64 * part + i, (a & 15) | ((c & 15) << 4));
        out.setUint8(at + 64 * part + 32 + i, (b & 15) | ((e & 15) << 4));
        out.setUint8(at + 128 + 32 * part + i, (a >> 4) | ((b >> 4) << 2) | ((c >> 4) << 4) | ((e >> 4) << 6));
      }
  },
};

/** By the names of ggml. */
export const QUANTISERS = { Q8_0: q8_0, Q4_0: q4_0, Q5_0: q5_0, Q4_K: q4_K, Q6_K: q6_K } as const;

/**
 * Rows of floats as blocks.
 *
 * @param pieces - float32 bytes of one tensor, cut anywhere.
 */
export async function* quantised(type: keyof typeof QUANTISERS, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { blockElements, blockBytes, block } = QUANTISERS[type];
  const size = 4 * blockElements;
  let rest = new Uint8Array(0);
  for await (const piece of pieces) {
    const bytes = new Uint8Array(rest.byteLength + piece.byteLength);
    bytes.set(rest);
    bytes.set(piece, rest.byteLength);
    const blocks = floor(bytes.byteLength / size);
    const floats = new Float32Array(bytes.buffer, 0, blocks * blockElements);
    const out = new Uint8Array(blocks * blockBytes);
    const view = new DataView(out.buffer);
    for (let i = 0; i < blocks; i++) block(floats, i * blockElements, view, i * blockBytes);
    rest = bytes.slice(blocks * size);
    yield out;
  }
}
