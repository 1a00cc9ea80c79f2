/** Random numbers in [0, n), the same for the same seed (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return Math.floor((((word ^ (word >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}

/** Numbers at which sizes, counts and offsets go wrong. */
const INTERESTING = [
  0n,
  1n,
  2n,
  4n,
  7n,
  8n,
  16n,
  31n,
  32n,
  127n,
  128n,
  255n,
  256n,
  4096n,
  65535n,
  65536n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  1n << 53n,
  (1n << 63n) - 1n,
  (1n << 64n) - 1n,
];

/** Mutations that are put on one another at most. */
const MOST = 6;

/**
 * A child of an input: some mutations, one upon the other.
 *
 * @param {{ random: (n: number) => number, words: Buffer[], other: Buffer, limit: number }} means - `other`: another input, for splices; `limit`: the most bytes.
 */
export function mutated(input, { random, words, other, limit }) {
  let bytes = Buffer.from(input);
  for (let times = 1 + random(MOST); times > 0; times--) bytes = MUTATIONS[random(MUTATIONS.length)](bytes, random, { words, other });
  return bytes.subarray(0, limit);
}

const place = (bytes, random) => random(bytes.length + 1);
const replaced = (bytes, from, to, by) => Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)]);

const MUTATIONS = [
  function flipBit(bytes, random) {
    if (bytes.length > 0) bytes[random(bytes.length)] ^= 1 << random(8);
    return bytes;
  },
  function setByte(bytes, random) {
    if (bytes.length > 0) bytes[random(bytes.length)] = random(256);
    return bytes;
  },
  function addToByte(bytes, random) {
    if (bytes.length > 0) bytes[random(bytes.length)] += random(2) ? 1 + random(8) : -1 - random(8);
    return bytes;
  },
  function setNumber(bytes, random) {
    const width = [1, 2, 4, 8][random(4)];
    if (bytes.length < width) return bytes;
    const word = Buffer.alloc(8);
    word.writeBigUInt64LE(INTERESTING[random(INTERESTING.length)]);
    word.copy(bytes, random(bytes.length - width + 1), 0, width);
    return bytes;
  },
  function setDecimal(bytes, random) {
    const text = bytes.toString('latin1');
    const numbers = [...text.matchAll(/-?\d+(\.\d+)?/g)];
    if (numbers.length === 0) return bytes;
    const { index, 0: number } = numbers[random(numbers.length)];
    return replaced(bytes, index, index + number.length, Buffer.from(String(INTERESTING[random(INTERESTING.length)] - BigInt(random(3)))));
  },
  function remove(bytes, random) {
    const from = place(bytes, random);
    return replaced(bytes, from, from + 1 + random(random(4) ? 8 : 256), Buffer.alloc(0));
  },
  function repeat(bytes, random) {
    const from = place(bytes, random);
    const part = bytes.subarray(from, from + 1 + random(32));
    return replaced(bytes, from, from, Buffer.concat(Array.from({ length: 1 + random(random(8) ? 4 : 200) }, () => part)));
  },
  function insertWord(bytes, random, { words }) {
    const at = place(bytes, random);
    return replaced(bytes, at, at, words[random(words.length)]);
  },
  function overwriteWithWord(bytes, random, { words }) {
    const [at, word] = [place(bytes, random), words[random(words.length)]];
    return replaced(bytes, at, at + word.length, word);
  },
  function splice(bytes, random, { other }) {
    const from = place(other, random);
    const [at, length] = [place(bytes, random), 1 + random(64)];
    return replaced(bytes, at, at + (random(2) ? length : 0), other.subarray(from, from + length));
  },
  function joinTails(bytes, random, { other }) {
    return Buffer.concat([bytes.subarray(0, place(bytes, random)), other.subarray(place(other, random))]);
  },
  function appendEdit(bytes, random) {
    return bytes.length > 0 && bytes[0] >= 0xed && bytes[0] <= 0xee ? Buffer.concat([bytes, Buffer.of(random(256), random(8), random(8), random(256))]) : bytes;
  },
  function cut(bytes, random) {
    return bytes.subarray(0, place(bytes, random));
  },
];
