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
    for (let i = 0; i < kept.length; i++) if (kept[i]) bits[i >> 3]! |= 0x80 >> (i & 7);
    return new Mask(shape, bits);
  }

  get total(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  /** How many elements are kept. */
  get kept(): number {
    let count = 0;
    for (let i = 0; i < this.total; i++) if (this.has(i)) count++;
    return count;
  }

  has(element: number): boolean {
    return (this.bits[element >> 3]! & (0x80 >> (element & 7))) !== 0;
  }

  /** One byte per element, 1 = kept. */
  unpack(): Uint8Array {
    return Uint8Array.from({ length: this.total }, (_, i) => (this.has(i) ? 1 : 0));
  }

  and(other: Mask): Mask {
    return new Mask(
      this.shape,
      this.bits.map((byte, i) => byte & other.bits[i]!),
    );
  }
}
