import { fromFloat32 } from '@chop/core';

/** The float16 at a byte, little-endian. */
export function readHalf(view: DataView, at: number): number {
  const bits = view.getUint16(at, true);
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? (fraction === 0 ? Infinity : NaN) : (1024 + fraction) * 2 ** (exponent - 25);
  return bits >> 15 ? -size : size;
}

const ONE = new Float32Array(1);

/** Writes a number as float16, rounded to the nearest, ties to even. */
export function writeHalf(view: DataView, at: number, value: number): void {
  ONE[0] = value;
  view.setUint16(at, new Uint16Array(fromFloat32(ONE, 'F16').buffer)[0]!, true);
}
