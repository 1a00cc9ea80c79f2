/**
 * Inputs with a grammar. Bytes that begin with 0xED are edits of a known good document, so that mutations reach what stands behind the parser; all others are
 * the document itself, so that the parser is reached too.
 */
const EDITS = 0xed;
const MOST_PLACES = 2000;
const MOST_EDITS = 64;
/** Of a part that is copied: copies of copies double. */
const MOST_COPIED = 4096;

const TEXTS = [
  '',
  'constructor',
  '__proto__',
  'toString',
  '<s>',
  ' ',
  '▁',
  '\\s+',
  '(a+)+$',
  '[^\\s]*',
  'a'.repeat(3000),
  '\u0000',
  '\ud800',
  'BPE',
  'Unigram',
  'WordPiece',
];
const NUMBERS = [0, -1, 1, 2, 3, 0.5, 1e-300, 255, 65535, 2 ** 24, 2 ** 31, 2 ** 32, 2 ** 53, 1e308, -0];
const VALUES = [null, true, false, [], {}, [[]], [null], { toString: 1 }, { constructor: null }, [{ toString: null }], nested(500), ...NUMBERS, ...TEXTS];

/** The text that bytes stand for. */
export function jsonText(data, seeds) {
  return data[0] === EDITS ? JSON.stringify(edited(data.subarray(1), seeds)) : data.toString('utf8');
}

const DATA_BYTES = 64;
/** Data of edited headers: floats, and pairs of indices 0 and 1 of packed weights. */
const DATA_BYTE = 0x44;

/** The file that bytes stand for: edits make a header with its length before it and data behind it; other bytes are the file. */
export function safetensorsBytes(data, seeds) {
  if (data[0] !== EDITS) return data;
  return safetensorsFile(JSON.stringify(edited(data.subarray(1), seeds)));
}

/** A header with its length before it and data behind it. */
export function safetensorsFile(header) {
  const json = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(DATA_BYTES, DATA_BYTE)]);
}

/** A seed after the edits: four bytes each (which node, two bytes; what to do; with what). */
export function edited(bytes, seeds) {
  let document = structuredClone(seeds[(bytes[0] ?? 0) % seeds.length]);
  for (let at = 1; at + 4 <= Math.min(bytes.length, MOST_EDITS * 4); at += 4) {
    const places = placesOf(document);
    // Copies of copies: what is larger tells no more.
    if (places.length === 0 || places.length > MOST_PLACES) return document;
    const place = places[bytes.readUInt16LE(at) % places.length];
    const value = VALUES[bytes[at + 3] % VALUES.length];
    document = edit(document, place, bytes[at + 2], value, places[bytes[at + 3] % places.length]);
  }
  return document;
}

function edit(document, { holder, key }, operation, value, other) {
  switch (operation % 8) {
    case 0:
      if (Array.isArray(holder)) holder.splice(key, 1);
      else delete holder[key];
      break;
    case 1:
      if (typeof holder[key] === 'number') holder[key] = value === null ? 0 : holder[key] * (typeof value === 'number' ? value : 2);
      else holder[key] = structuredClone(value);
      break;
    case 2:
      if (Array.isArray(holder)) holder.splice(key, 0, copyOf(holder[key]));
      else own(holder, typeof value === 'string' ? value : `${key}2`, copyOf(holder[key]));
      break;
    case 3:
      own(holder, key, copyOf(other.holder[other.key]));
      break;
    case 4:
      if (typeof holder[key] === 'string' && typeof value === 'string') holder[key] += value;
      else if (typeof holder[key] === 'number') holder[key] += 1;
      break;
    case 5:
      if (Array.isArray(holder[key])) holder[key].reverse();
      else own(holder, key, [copyOf(holder[key])]);
      break;
    default:
      own(holder, key, structuredClone(value));
  }
  return document;
}

function copyOf(value) {
  return (JSON.stringify(value) ?? '').length > MOST_COPIED ? null : structuredClone(value);
}

/** As JSON has it: `__proto__` is a key like any other. */
function own(holder, key, value) {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

function placesOf(document) {
  const places = [];
  const visit = (holder, depth) => {
    if (holder === null || typeof holder !== 'object' || depth > 40 || places.length > MOST_PLACES) return;
    for (const key of Object.keys(holder)) {
      places.push({ holder, key: Array.isArray(holder) ? Number(key) : key });
      visit(holder[key], depth + 1);
    }
  };
  visit(document, 0);
  return places;
}

function nested(depth) {
  let value = [];
  for (let at = 0; at < depth; at++) value = at % 2 ? [value] : { a: value };
  return value;
}
