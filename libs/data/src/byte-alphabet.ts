const printable = (byte: number): boolean => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;

/** The byte behind each character of GPT-2's reversible alphabet, in the order of the bytes: printable Latin-1 bytes stand for themselves, the others for U+0100 and on. */
export const BYTE_OF: ReadonlyMap<string, number> = /* @__PURE__ */ (() => {
  let next = 256;
  return new Map(Array.from({ length: 256 }, (_, byte) => [String.fromCharCode(printable(byte) ? byte : next++), byte]));
})();
