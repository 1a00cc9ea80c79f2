/** How many bits of a byte are 1. */
const ONES = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

/** A boolean per element of a weight, packed eight to a byte (first element in the highest bit, row-major); 1 = kept. */
export class Mask {
  readonly shape: readonly number[];
  readonly bits: Uint8Array;

  constructor(shape: readonly number[], bits: Uint8Array) {
    this.shape = shape;
    this.bits = bits;
  }

  /** From one byte per element, non-zero = kept. */
  static from(shape: readonly number[], kept: ArrayLike<number | boolean>): Mask {
    const bits = new Uint8Array(Math.ceil(kept.length / 8));
    for (let byte = 0, i = 0; byte < bits.length; byte++) {
      let eight = 0;
      for (const end = i + 8; i < end; i++) eight = (eight << 1) | (kept[i] ? 1 : 0);
      bits[byte] = eight;
    }
    return new Mask(shape, bits);
  }

  get total(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  /** How many elements are kept. */
  get kept(): number {
    const { bits, total } = this;
    let count = 0;
    for (let byte = 0; byte < total >> 3; byte++) count += ONES[bits[byte]!]!;
    for (let i = total & ~7; i < total; i++) if (this.has(i)) count++;
    return count;
  }

  has(element: number): boolean {
    return (this.bits[element >> 3]! & (0x80 >> (element & 7))) !== 0;
  }

  /** One byte per element, 1 = kept. */
  unpack(): Uint8Array {
    const kept = new Uint8Array(this.total);
    for (let i = 0; i < kept.length;) {
      const byte = this.bits[i >> 3]!;
      for (let bit = 7; bit >= 0; bit--, i++) kept[i] = (byte >> bit) & 1; // beyond the last element nothing is written
    }
    return kept;
  }

  /** Sets to zero what is not kept, in elements of `width` bytes. */
  zero(bytes: Uint8Array, width: number): void {
    const { bits, total } = this;
    for (let first = 0; first < total; first += 8) {
      const byte = bits[first >> 3]!;
      if (byte === 0xff) continue;
      const end = Math.min(first + 8, total);
      for (let i = first; i < end; i++) if ((byte & (0x80 >> (i & 7))) === 0) for (let at = i * width; at < (i + 1) * width; at++) bytes[at] = 0;
    }
  }

  and(other: Mask): Mask {
    return new Mask(
      this.shape,
      this.bits.map((byte, i) => byte & other.bits[i]!),
    );
  }
}
