import { CHUNK_BYTES, type Checkpoint, CheckpointError, DTYPE_BYTES, elementCount, type TensorInfo } from '@chop/core';
import { checkRange, openRanges, type RangedFile } from './byte-ranges.js';
import { type GgufHeader, type GgufTensor, type GgufValue, parseGgufHeader } from './gguf-header.js';
import { checkParts, otherParts } from './gguf-split.js';
import { ggufTokenizerFiles } from './gguf-tokenizer.js';

/** Enough for the header of most files; doubled until the header fits. */
const FIRST_BYTES = 4 << 20;
/** Vocabulary, merges and tensor list of the largest models take about 30 MB. */
const MAX_HEADER_BYTES = 256 << 20;

/** A GGUF file seen as a checkpoint, under GGUF's own names; a family translates names and config. */
export interface GgufCheckpoint extends Checkpoint {
  /** Keys and values of the header, as the file has them. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
}

/**
 * Opens a GGUF file (version 2 or 3, little-endian; F32, F16, BF16, Q4_0 to Q8_0, Q2_K to Q6_K, IQ4_NL, IQ4_XS). Quantised tensors appear as F32
 * and are dequantised while they are streamed; shapes are row-major. The config is `{ gguf: metadata }`, the companions
 * are a tokenizer and a generation config made from the metadata.
 *
 * A model that was split is opened by its first part (`NAME-00001-of-00003.gguf`), the others lying beside it.
 *
 * @throws {@link CheckpointError} what `parseGgufHeader` throws, `CHECKPOINT_SPLIT`, `CHECKPOINT_SHARD_MISSING`, `CHECKPOINT_MISSING`, `CHECKPOINT_READ`;
 * asking for a companion: `CHECKPOINT_TOKENIZER`.
 */
export async function openGguf(file: string): Promise<GgufCheckpoint> {
  const parts: Part[] = [];
  const close = async (): Promise<void> => void (await Promise.all(parts.map(({ ranges }) => ranges.close())));
  try {
    const first = await openPart(file, parts);
    for (const other of await otherParts(file, first)) await openPart(other, parts);
    if (parts.length > 1) checkParts(first, parts, file);
    const { metadata } = first;
    const byName = new Map(parts.flatMap(({ ranges, header }) => header.tensors.map((tensor) => [tensor.name, { ranges, tensor }] as const)));
    return {
      source: file,
      config: { gguf: Object.fromEntries(metadata) },
      metadata,
      tensors: new Map([...byName.values()].map(({ tensor }): [string, TensorInfo] => [tensor.name, infoOf(tensor)])),
      companions: ggufTokenizerFiles(metadata, file),
      stream(name, from, to) {
        const found = byName.get(name);
        if (!found)
          throw new CheckpointError('CHECKPOINT_TENSOR_MISSING', { file, found: `no tensor ${name} among ${byName.size}`, expected: 'a tensor of this file' });
        const { ranges, tensor } = found;
        const [begin, end] = checkRange(name, elementCount(tensor.shape) * DTYPE_BYTES[tensor.type.dtype], from, to);
        return tensor.type.dequantise ? dequantised(ranges, tensor, begin, end) : ranges.pieces(tensor.from + begin, tensor.from + end);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function infoOf({ name, shape, type, from, to }: GgufTensor): TensorInfo {
  return { name, shape, dtype: type.dtype, ...(type.dequantise ? { stored: { form: type.name.toLowerCase(), bytes: to - from } } : {}) };
}

/** A file of a model. */
interface Part {
  readonly file: string;
  readonly ranges: RangedFile;
  readonly header: GgufHeader;
}

/** Opens a part and puts it to the others, so that it is closed with them. */
async function openPart(file: string, parts: Part[]): Promise<GgufHeader> {
  const ranges = await openRanges(file);
  try {
    const header = await readHeader(ranges);
    parts.push({ file, ranges, header });
    return header;
  } catch (error) {
    await ranges.close();
    throw error;
  }
}

async function readHeader(ranges: RangedFile): Promise<GgufHeader> {
  const limit = Math.min(ranges.size, MAX_HEADER_BYTES);
  for (let length = FIRST_BYTES; ; length *= 2) {
    const header = parseGgufHeader(await ranges.bytes(0, Math.min(length, limit)), ranges.size, ranges.file);
    if (header) return header;
    if (length >= limit)
      throw new CheckpointError('CHECKPOINT_HEADER', {
        file: ranges.file,
        found: `a header of more than ${MAX_HEADER_BYTES} bytes`,
        expected: 'less',
        remedy: 'The header is corrupt: download the file again.',
      });
  }
}

/** Bytes `[from, to)` of a tensor as float32: the blocks that hold them are read and widened, the ends cut off. */
async function* dequantised(ranges: RangedFile, { type, from: start }: GgufTensor, from: number, to: number): AsyncGenerator<Uint8Array> {
  const { blockElements, blockBytes, dequantise } = type;
  const widened = blockElements * 4;
  const first = Math.floor(from / widened);
  const end = Math.ceil(to / widened);
  const pieceBytes = Math.floor(CHUNK_BYTES / widened) * blockBytes;
  let at = first * widened;
  for await (const blocks of ranges.pieces(start + first * blockBytes, start + end * blockBytes, pieceBytes)) {
    const floats = dequantise!(blocks);
    const bytes = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
    yield bytes.subarray(Math.max(0, from - at), Math.min(bytes.byteLength, to - at));
    at += bytes.byteLength;
  }
}
