/** Floats of eight bits as safetensors names them. Every value of both is exact in bfloat16, as which they are shown. */
export type Float8 = 'F8_E4M3' | 'F8_E5M2';

/** Bits of the fraction and bias of the exponent (Micikevicius et al., arXiv 2209.05433, table 1). */
const FORMS: Readonly<Record<Float8, { readonly fraction: number; readonly bias: number }>> = {
  F8_E4M3: { fraction: 3, bias: 7 },
  F8_E5M2: { fraction: 2, bias: 15 },
};

export function isFloat8(dtype: unknown): dtype is Float8 {
  return typeof dtype === 'string' && Object.hasOwn(FORMS, dtype);
}

/** The value of one byte. E4M3 has no infinities: only its largest pattern is no number. */
export function decodeFloat8(byte: number, form: Float8): number {
  const { fraction: bits, bias } = FORMS[form];
  const sign = byte & 0x80 ? -1 : 1;
  const exponent = (byte & 0x7f) >> bits;
  const fraction = byte & ((1 << bits) - 1);
  if (form === 'F8_E4M3' && (byte & 0x7f) === 0x7f) return NaN;
  if (form === 'F8_E5M2' && exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * (fraction / (1 << bits)) * 2 ** (1 - bias);
  return sign * (1 + fraction / (1 << bits)) * 2 ** (exponent - bias);
}

/** Bytes `[from, to)` of the values in bfloat16: `stored` gives the bytes of a range as they are in the file. */
export async function* widenedFloat8(
  form: Float8,
  stored: (from: number, to: number) => AsyncIterable<Uint8Array>,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array> {
  const table = Uint16Array.from({ length: 256 }, (_, byte) => new Uint32Array(Float32Array.of(decodeFloat8(byte, form)).buffer)[0]! >>> 16);
  let at = from - (from % 2);
  for await (const piece of stored(Math.floor(from / 2), Math.ceil(to / 2))) {
    const wide = new Uint8Array(Uint16Array.from(piece, (byte) => table[byte]!).buffer);
    yield wide.subarray(Math.max(0, from - at), Math.min(wide.byteLength, to - at));
    at += wide.byteLength;
  }
}
