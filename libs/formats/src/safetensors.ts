import { byteLength, CheckpointError, DTYPE_BYTES, type Dtype, elementCount, OutputError, shown, type TensorInfo } from '@chop/core';
import { checkRange, openRanges, type RangedFile } from './byte-ranges.js';
import { type Float8, isFloat8, widenedFloat8 } from './float8.js';
import { checkTensorName } from './names.js';
import { isJsonObject, parseStrictJson } from './strict-json.js';
import { writeStream } from './write-stream.js';

/** The limit of the format's reference reader: a header of more bytes loads nowhere. */
export const MAX_HEADER_BYTES = 100_000_000;
/** The header's length comes first, as a little-endian 64-bit number. */
const LENGTH_BYTES = 8;
/** Headers are padded with spaces so that the data starts aligned for every dtype. */
const ALIGNMENT = 8;

/** A tensor and where its bytes lie in its file. */
export interface StoredTensor extends TensorInfo {
  readonly from: number;
  readonly to: number;
  /** How it is stored where that is as floats of eight bits: they are widened to BF16 while they are read. */
  readonly float8?: Float8;
}

/** One open safetensors file: header read and checked, data on disk. */
export interface SafetensorsFile {
  readonly file: string;
  /** In the order in which they are stored. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  /** The stored bytes `[from, to)` of one tensor, whole by default. A piece is only valid until the next one is asked for. */
  stream(name: string, from?: number, to?: number): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** A tensor to write: its bytes are asked for once, when it is its turn. */
export interface TensorSource extends TensorInfo {
  pieces(): AsyncIterable<Uint8Array>;
}

/** What is written beside the tensors, and who hears of it. */
export interface SafetensorsOptions {
  /** The file's `__metadata__`, such as `{ format: 'pt' }`. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes of every piece written. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * Opens one safetensors file (floats of eight bits are shown as BF16, in which they are exact) and checks its whole header: every byte of the data belongs to exactly one tensor, as the
 * format demands (a file with holes or trailing bytes is refused by the reference reader too).
 *
 * @throws {@link CheckpointError} `CHECKPOINT_TRUNCATED`, `CHECKPOINT_HEADER`, `CHECKPOINT_JSON`, `CHECKPOINT_OVERLAP`,
 * `CHECKPOINT_HOLE`, `CHECKPOINT_DTYPE`, `CHECKPOINT_SHAPE`, `CHECKPOINT_NAME`, `CHECKPOINT_MISSING`, `CHECKPOINT_READ`.
 */
export async function openSafetensors(file: string): Promise<SafetensorsFile> {
  const ranges = await openRanges(file);
  try {
    const { text, dataStart } = await readHeader(ranges);
    const { __metadata__: metadata, ...entries } = header(text, file);
    const tensors = Object.entries(entries).map(([name, entry]) => storedTensor(name, entry, dataStart, file));
    tensors.sort((a, b) => a.from - b.from || a.to - b.to);
    checkCover(tensors, dataStart, ranges.size, file);
    const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    return {
      file,
      tensors: byName,
      metadata: checkMetadata(metadata, file),
      stream(name, from, to) {
        const tensor = byName.get(name);
        if (!tensor)
          throw new CheckpointError('CHECKPOINT_TENSOR_MISSING', { file, found: `no tensor ${name} among ${byName.size}`, expected: 'a tensor of this file' });
        const [begin, end] = checkRange(name, byteLength(tensor), from, to);
        const stored = (first: number, last: number): AsyncIterable<Uint8Array> => ranges.pieces(tensor.from + first, tensor.from + last);
        return tensor.float8 ? widenedFloat8(tensor.float8, stored, begin, end) : stored(begin, end);
      },
      close: ranges.close,
    };
  } catch (error) {
    await ranges.close();
    throw error;
  }
}

/**
 * Writes one safetensors file as a stream and syncs it to disk. Wider dtypes come first, so that every tensor is
 * aligned to its elements; otherwise the order stays. The file is not removed on failure: the caller writes into a
 * temporary folder.
 *
 * @throws {@link OutputError} `OUTPUT_SIZE` when a tensor's pieces are not as long as its shape and dtype say.
 * @throws {@link CheckpointError} `CHECKPOINT_NAME`, `CHECKPOINT_HEADER`
 */
export async function writeSafetensors(path: string, tensors: Iterable<TensorSource>, { metadata, signal, onBytes }: SafetensorsOptions = {}): Promise<void> {
  const sorted = [...tensors].sort((a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype]);
  await writeStream(path, { signal, onBytes }, async (write) => {
    await write(headerBytes(sorted, metadata, path));
    for (const tensor of sorted) {
      let bytes = 0;
      const expected = elementCount(tensor.shape) * DTYPE_BYTES[tensor.dtype];
      for await (const piece of tensor.pieces()) {
        bytes += piece.byteLength;
        if (bytes > expected) break;
        await write(piece);
      }
      if (bytes !== expected)
        throw new OutputError('OUTPUT_SIZE', {
          file: path,
          found: `${bytes > expected ? 'more than ' : ''}${Math.min(bytes, expected)} bytes for ${tensor.name}`,
          expected: `${expected} bytes (${tensor.dtype} [${tensor.shape.join(', ')}])`,
        });
    }
  });
}

async function readHeader(ranges: RangedFile): Promise<{ text: string; dataStart: number }> {
  const { file, size } = ranges;
  if (size < LENGTH_BYTES) throw truncated(file, size, `${LENGTH_BYTES} bytes for the header's length`);
  const length = new DataView((await ranges.bytes(0, LENGTH_BYTES)).buffer).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) throw headerError(file, `a header of ${length} bytes`, `at most ${MAX_HEADER_BYTES}`);
  const dataStart = LENGTH_BYTES + Number(length);
  if (dataStart > size) throw truncated(file, size, `${dataStart} bytes (the header ends there)`);
  const bytes = await ranges.bytes(LENGTH_BYTES, dataStart);
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), dataStart };
  } catch (cause) {
    throw headerError(file, 'a header that is not UTF-8', 'JSON in UTF-8', cause);
  }
}

function header(text: string, file: string): Record<string, unknown> {
  if (!text.startsWith('{')) throw headerError(file, 'a header that does not start with {', 'a JSON object');
  const value = parseStrictJson(text, file, 'header');
  if (!isJsonObject(value)) throw headerError(file, 'a header that is no JSON object', 'a JSON object');
  return value;
}

function checkMetadata(metadata: unknown, file: string): Record<string, string> {
  if (metadata === undefined) return {};
  if (!isJsonObject(metadata) || Object.values(metadata).some((value) => typeof value !== 'string'))
    throw headerError(file, '__metadata__ with values that are not texts', 'an object of texts');
  return metadata as Record<string, string>;
}

function storedTensor(name: string, entry: unknown, dataStart: number, file: string): StoredTensor {
  checkTensorName(name, file);
  if (!isJsonObject(entry)) throw headerError(file, `an entry for ${name} that is no object`, '{ dtype, shape, data_offsets }');
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !(isFloat8(dtype) || Object.hasOwn(DTYPE_BYTES, dtype))) {
    throw new CheckpointError('CHECKPOINT_DTYPE', {
      file,
      found: `${name} stored as ${shown(dtype)}`,
      expected: [...Object.keys(DTYPE_BYTES), 'F8_E4M3', 'F8_E5M2'].join(', '),
      remedy: 'Convert the weights to F32, F16 or BF16 first.',
    });
  }
  if (!isCounts(shape)) throw headerError(file, `the shape ${shown(shape)} for ${name}`, 'whole numbers from 0 on');
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!)
    throw headerError(file, `the data_offsets ${shown(offsets)} for ${name}`, '[begin, end], begin ≤ end');
  const [begin, end] = offsets as [number, number];
  const bytes = elementCount(shape) * (isFloat8(dtype) ? 1 : DTYPE_BYTES[dtype as Dtype]);
  if (!Number.isSafeInteger(bytes) || bytes !== end - begin) {
    throw new CheckpointError('CHECKPOINT_SHAPE', {
      file,
      found: `${end - begin} bytes for ${name}`,
      expected: `${bytes} bytes (${dtype} [${shape.join(', ')}])`,
      remedy: 'The header is corrupt: download the file again.',
    });
  }
  const place = { from: dataStart + begin, to: dataStart + end };
  return isFloat8(dtype) ? { name, shape, dtype: 'BF16', float8: dtype, ...place } : { name, shape, dtype: dtype as Dtype, ...place };
}

/** Tensors sorted by offset must follow each other without gap up to the end of the file. */
function checkCover(tensors: readonly StoredTensor[], dataStart: number, size: number, file: string): void {
  let end = dataStart;
  let previous = 'the header';
  for (const tensor of tensors) {
    if (tensor.to > size) throw truncated(file, size, `${tensor.to} bytes (tensor ${tensor.name} ends there)`);
    if (tensor.from < end)
      throw new CheckpointError('CHECKPOINT_OVERLAP', {
        file,
        found: `${tensor.name} starting at byte ${tensor.from}`,
        expected: `byte ${end}, where ${previous} ends`,
        remedy: 'Two tensors share bytes: the header is corrupt.',
      });
    if (tensor.from > end) throw hole(file, tensor.from - end, previous);
    end = tensor.to;
    previous = tensor.name;
  }
  if (end < size) throw hole(file, size - end, previous);
}

function headerBytes(tensors: readonly TensorInfo[], metadata: Readonly<Record<string, string>> | undefined, path: string): Uint8Array {
  const entries = new Map<string, unknown>(metadata ? [['__metadata__', metadata]] : []);
  let end = 0;
  for (const { name, shape, dtype } of tensors) {
    checkTensorName(name, path);
    if (name === '__metadata__' || entries.has(name)) throw headerError(path, `two entries named ${name}`, 'every name once');
    const begin = end;
    end += elementCount(shape) * DTYPE_BYTES[dtype];
    entries.set(name, { dtype, shape, data_offsets: [begin, end] });
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(json.byteLength / ALIGNMENT) * ALIGNMENT;
  if (length > MAX_HEADER_BYTES) throw headerError(path, `a header of ${length} bytes`, `at most ${MAX_HEADER_BYTES}`);
  const bytes = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, LENGTH_BYTES);
  return bytes;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function headerError(file: string, found: string, expected: string, cause?: unknown): CheckpointError {
  return new CheckpointError('CHECKPOINT_HEADER', {
    file,
    found,
    expected,
    remedy: 'It is no safetensors file, or a corrupt one.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function truncated(file: string, size: number, expected: string): CheckpointError {
  return new CheckpointError('CHECKPOINT_TRUNCATED', {
    file,
    found: `${size} bytes`,
    expected,
    remedy: 'Download the file again: it is cut short, or its header lies.',
  });
}

function hole(file: string, bytes: number, after: string): CheckpointError {
  return new CheckpointError('CHECKPOINT_HOLE', {
    file,
    found: `${bytes} bytes after ${after} that belong to no tensor`,
    expected: 'tensors one after another up to the end of the file',
    remedy: 'The header is corrupt, or the file hides something.',
  });
}
