import type { SchemaTree } from 'hyparquet';

/** The largest levels of a column's values: how often they repeat, and how much of their path is there. */
export interface Levels {
  readonly repetition: number;
  readonly definition: number;
}

/** A data page as its header and its column tell of it. */
export interface DataPage {
  /** Nulls among them. */
  readonly values: number;
  /** `Encoding` of parquet.thrift. */
  readonly encoding: unknown;
  /** Of booleans, which have no width before their runs. */
  readonly isBoolean: boolean;
  readonly levels: Levels;
  /** Of a page of the second version: levels stand before what is packed, repetitions first. */
  readonly second?: { readonly nulls: number; readonly repetitionBytes: number; readonly definitionBytes: number };
}

/** `Encoding`: values as runs of indices into the dictionary, or of bits. */
const [PLAIN_DICTIONARY, RLE, RLE_DICTIONARY] = [2, 3, 8];
/** Bit-packed runs are of whole groups of so many values. */
const GROUP = 8;
/** What a length takes before the levels of a page of the first version, and before booleans. */
const LENGTH_BYTES = 4;

/** Levels of all columns by their paths, as JSON. */
export function levelsOf(root: SchemaTree): Map<string, Levels> {
  const found = new Map<string, Levels>();
  const walk = ({ element, children, path }: SchemaTree, above: Levels): void => {
    const type = element.repetition_type;
    const levels = { repetition: above.repetition + (type === 'REPEATED' ? 1 : 0), definition: above.definition + (type === 'REQUIRED' ? 0 : 1) };
    if (children.length === 0) found.set(JSON.stringify(path), levels);
    for (const child of children) walk(child, levels);
  };
  for (const child of root.children) walk(child, { repetition: root.element.repetition_type === 'REPEATED' ? 1 : 0, definition: 0 });
  return found;
}

/** Whether runs are anywhere in a page: else it need not be looked at. */
export function hasRuns({ encoding, levels }: DataPage): boolean {
  return isRuns(encoding) || levels.repetition > 0 || levels.definition > 0;
}

const isRuns = (encoding: unknown): boolean => encoding === PLAIN_DICTIONARY || encoding === RLE || encoding === RLE_DICTIONARY;

/**
 * Walks the runs of a page (the hybrid of RLE and bit-packing of parquet's Encodings.md): none has more values than are left of the page's. The reader
 * behind this writes as many as a run claims: two milliards out of six bytes.
 *
 * @param page - one that has some.
 * @param packed - what stands behind the page's header.
 * @param unpack - unpacks what is packed of it.
 * @throws any error means that the page is broken.
 */
export function checkRuns(page: DataPage, packed: Uint8Array, unpack: (bytes: Uint8Array) => Uint8Array): void {
  const { values, encoding, isBoolean, levels, second } = page;
  if (second) {
    const view = viewOf(packed);
    if (levels.repetition > 0) walkRuns(view, 0, widthOf(levels.repetition), values);
    if (levels.definition > 0) walkRuns(view, second.repetitionBytes, widthOf(levels.definition), values);
    const left = values - second.nulls;
    if (!isRuns(encoding) || left === 0) return;
    const body = viewOf(unpack(packed.subarray(second.repetitionBytes + second.definitionBytes)));
    if (encoding === RLE) walkRuns(body, LENGTH_BYTES, 1, left);
    else walkRuns(body, 1, body.getUint8(0), left);
    return;
  }
  const view = viewOf(unpack(packed));
  let [at, left] = [0, values];
  for (const most of [levels.repetition, levels.definition]) {
    if (most === 0) continue;
    const length = view.getUint32(at, true);
    const whole = walkRuns(view, at + LENGTH_BYTES, widthOf(most), values, most);
    if (most === levels.definition) left = whole;
    at += LENGTH_BYTES + length;
  }
  if (!isRuns(encoding) || left === 0) return;
  if (isBoolean) walkRuns(view, at + LENGTH_BYTES, 1, left);
  else if (view.getUint8(at) > 0) walkRuns(view, at + 1, view.getUint8(at), left);
}

/** @returns how many of the values are `counted`. */
function walkRuns(view: DataView, from: number, width: number, values: number, counted?: number): number {
  let [at, equal] = [from, 0];
  for (let seen = 0; seen < values;) {
    let header = 0;
    for (let shift = 0, byte = 0x80; byte & 0x80; shift += 7) {
      byte = view.getUint8(at++);
      header |= (byte & 0x7f) << shift;
    }
    const isPacked = (header & 1) === 1;
    const left = values - seen;
    const count = isPacked ? (header >> 1) * GROUP : header >>> 1;
    if (count < 0 || count > (isPacked ? Math.ceil(left / GROUP) * GROUP : left)) throw new Error(`a run of ${count} values where ${left} are left`);
    if (counted !== undefined)
      equal += isPacked ? equalIn(view, at, { width, count: Math.min(count, left), counted }) : bitsAt(view, 8 * at, width) === counted ? count : 0;
    seen += count;
    // The reader takes a byte of an empty run, too.
    at += isPacked ? Math.max(1, (count / GROUP) * width) : (width + 7) >> 3;
  }
  return equal;
}

function equalIn(view: DataView, at: number, { width, count, counted }: { readonly width: number; readonly count: number; readonly counted: number }): number {
  let equal = 0;
  for (let i = 0; i < count; i++) if (bitsAt(view, 8 * at + i * width, width) === counted) equal++;
  return equal;
}

/** `width` bits from one on, the lowest first. */
function bitsAt(view: DataView, from: number, width: number): number {
  let value = 0;
  for (let bit = 0; bit < width; bit++) value |= ((view.getUint8((from + bit) >> 3) >> ((from + bit) & 7)) & 1) << bit;
  return value;
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView => new DataView(buffer, byteOffset, byteLength);

/** Bits of levels up to the largest. */
const widthOf = (level: number): number => 32 - Math.clz32(level);
