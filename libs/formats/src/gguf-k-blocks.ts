// Blocks of 256 with scales of their own for every 16 or 32 (ggml-quants.c names them K), and those whose levels come from a table (IQ4).

/** Reads one block at byte `at` of `bytes` into `out` from `to` on; `half(i)` is the float16 at byte i of the block. */
export type ReadBlock = (bytes: Uint8Array, at: number, out: Float32Array, to: number, half: (offset: number) => number) => void;

/** Levels of IQ4, which lie closer around zero. */
const IQ4_LEVELS = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/** Sixteen 4-bit scales and minima, 256 pairs of bits, half d, half dmin; x = d · scale · q − dmin · minimum. */
export const q2_K: ReadBlock = (bytes, at, out, to, half) => {
  const [d, dmin] = [half(80), half(82)];
  for (let part = 0; part < 16; part++) {
    const scales = bytes[at + part]!;
    const [scale, least] = [Math.fround(d * (scales & 15)), Math.fround(dmin * (scales >> 4))];
    const [from, shift] = [at + 16 + 32 * (part >> 3) + 16 * (part & 1), 2 * ((part >> 1) & 3)];
    for (let i = 0; i < 16; i++) out[to + 16 * part + i] = Math.fround(scale * ((bytes[from + i]! >> shift) & 3)) - least;
  }
};

/** 256 third bits, 256 pairs of bits, sixteen 6-bit scales, half d; x = d · (scale − 32) · (q − 4 without the third bit). */
export const q3_K: ReadBlock = (bytes, at, out, to, half) => {
  const d = half(108);
  for (let part = 0; part < 16; part++) {
    const low = part < 8 ? bytes[at + 96 + part]! & 15 : bytes[at + 88 + part]! >> 4;
    const high = (bytes[at + 104 + (part & 3)]! >> (2 * (part >> 2))) & 3;
    const scale = Math.fround(d * ((low | (high << 4)) - 32));
    const within = 16 * (part & 1);
    const [from, shift, mark] = [at + 32 + 32 * (part >> 3) + within, 2 * ((part >> 1) & 3), 1 << (part >> 1)];
    for (let i = 0; i < 16; i++) {
      const third = (bytes[at + within + i]! & mark) === 0 ? 4 : 0;
      out[to + 16 * part + i] = scale * (((bytes[from + i]! >> shift) & 3) - third);
    }
  }
};

/** The 6-bit scale and minimum of a part of eight, in the twelve bytes at `at`. */
function scaleAndLeast(bytes: Uint8Array, at: number, part: number): readonly [number, number] {
  if (part < 4) return [bytes[at + part]! & 63, bytes[at + 4 + part]! & 63];
  const low = bytes[at + 4 + part]!;
  return [(low & 15) | ((bytes[at + part - 4]! >> 6) << 4), (low >> 4) | ((bytes[at + part]! >> 6) << 4)];
}

/** Half d, half dmin, eight 6-bit scales and minima, 256 nibbles; x = d · scale · q − dmin · minimum. */
export const q4_K: ReadBlock = (bytes, at, out, to, half) => {
  for (let part = 0; part < 8; part++) {
    const [scale, least] = scaleAndLeast(bytes, at + 4, part);
    const [d, m] = [Math.fround(half(0) * scale), Math.fround(half(2) * least)];
    const [from, shift] = [at + 16 + 32 * (part >> 1), 4 * (part & 1)];
    for (let i = 0; i < 32; i++) out[to + 32 * part + i] = Math.fround(d * ((bytes[from + i]! >> shift) & 15)) - m;
  }
};

/** As q4_K, with 256 fifth bits. */
export const q5_K: ReadBlock = (bytes, at, out, to, half) => {
  for (let part = 0; part < 8; part++) {
    const [scale, least] = scaleAndLeast(bytes, at + 4, part);
    const [d, m] = [Math.fround(half(0) * scale), Math.fround(half(2) * least)];
    const [from, shift] = [at + 48 + 32 * (part >> 1), 4 * (part & 1)];
    for (let i = 0; i < 32; i++) {
      const fifth = (bytes[at + 16 + i]! >> part) & 1;
      out[to + 32 * part + i] = Math.fround(d * (((bytes[from + i]! >> shift) & 15) | (fifth << 4))) - m;
    }
  }
};

/** 256 nibbles, 256 pairs of high bits, sixteen signed scales, half d; x = d · scale · (q − 32). */
export const q6_K: ReadBlock = (bytes, at, out, to, half) => {
  const d = half(208);
  for (let part = 0; part < 16; part++) {
    const scale = Math.fround(d * ((bytes[at + 192 + part]! << 24) >> 24));
    const [side, quarter, within] = [part >> 3, (part >> 1) & 3, 16 * (part & 1)];
    for (let i = 0; i < 16; i++) {
      const nibble = (bytes[at + 64 * side + 32 * (quarter & 1) + within + i]! >> (4 * (quarter >> 1))) & 15;
      const high = (bytes[at + 128 + 32 * side + within + i]! >> (2 * quarter)) & 3;
      out[to + 16 * part + i] = scale * ((nibble | (high << 4)) - 32);
    }
  }
};

/** Half d, 32 nibbles; x = d · level. */
export const iq4_NL: ReadBlock = (bytes, at, out, to, half) => {
  const d = half(0);
  for (let i = 0; i < 16; i++) {
    const byte = bytes[at + 2 + i]!;
    out[to + i] = d * IQ4_LEVELS[byte & 15]!;
    out[to + 16 + i] = d * IQ4_LEVELS[byte >> 4]!;
  }
};

/** Half d, eight 6-bit scales, 256 nibbles; x = d · (scale − 32) · level. */
export const iq4_XS: ReadBlock = (bytes, at, out, to, half) => {
  const d = half(0);
  const high = bytes[at + 2]! | (bytes[at + 3]! << 8);
  for (let part = 0; part < 8; part++) {
    const low = (bytes[at + 4 + (part >> 1)]! >> (4 * (part & 1))) & 15;
    const scale = Math.fround(d * ((low | (((high >> (2 * part)) & 3) << 4)) - 32));
    for (let i = 0; i < 16; i++) {
      const byte = bytes[at + 8 + 16 * part + i]!;
      out[to + 32 * part + i] = scale * IQ4_LEVELS[byte & 15]!;
      out[to + 32 * part + 16 + i] = scale * IQ4_LEVELS[byte >> 4]!;
    }
  }
};

/** The fifth bits of 32 levels after `heads` bytes, then their nibbles. */
function fifthBits(bytes: Uint8Array, at: number, heads: number, put: (i: number, level: number) => void): void {
  const high = bytes[at + heads]! | (bytes[at + heads + 1]! << 8) | (bytes[at + heads + 2]! << 16) | (bytes[at + heads + 3]! << 24);
  for (let i = 0; i < 16; i++) {
    const byte = bytes[at + heads + 4 + i]!;
    put(i, (byte & 15) | (((high >>> i) & 1) << 4));
    put(i + 16, (byte >> 4) | (((high >>> (i + 16)) & 1) << 4));
  }
}

/** Half d, 32 fifth bits, 32 nibbles; x = (q − 16) · d. */
export const q5_0: ReadBlock = (bytes, at, out, to, half) => {
  const d = half(0);
  fifthBits(bytes, at, 2, (i, level) => (out[to + i] = (level - 16) * d));
};

/** Half d, half m, 32 fifth bits, 32 nibbles; x = q · d + m. */
export const q5_1: ReadBlock = (bytes, at, out, to, half) => {
  const [d, m] = [half(0), half(2)];
  fifthBits(bytes, at, 4, (i, level) => (out[to + i] = Math.fround(level * d) + m));
};
