import { CHUNK_BYTES, CheckpointError, DTYPE_BYTES, type Dtype, fromFloat32, toFloat32 } from '@chop/core';

/** Bytes at hand as a stream. */
export async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/**
 * Converts a stream of stored floats from one dtype to another, piece by piece, rounding to nearest even.
 *
 * @param pieces - bytes of whole elements in all; a piece may end inside an element.
 * @returns pieces of at most {@link CHUNK_BYTES}, each valid until the next one is asked for.
 * @throws {@link CheckpointError} `CHECKPOINT_DTYPE` for dtypes that are no floats, `CHECKPOINT_TRUNCATED` when the last element is incomplete.
 */
export async function* reencode(pieces: AsyncIterable<Uint8Array>, from: Dtype, to: Dtype): AsyncGenerator<Uint8Array> {
  if (from === to) {
    yield* pieces;
    return;
  }
  const width = DTYPE_BYTES[from];
  const stepBytes = Math.floor(CHUNK_BYTES / Math.max(width, DTYPE_BYTES[to])) * width;
  const split = new Uint8Array(width);
  let held = 0;
  for await (const piece of pieces) {
    let at = 0;
    if (held > 0) {
      at = Math.min(width - held, piece.byteLength);
      split.set(piece.subarray(0, at), held);
      held += at;
      if (held < width) continue;
      yield fromFloat32(toFloat32(split, from), to);
      held = 0;
    }
    const end = at + Math.floor((piece.byteLength - at) / width) * width;
    for (; at < end; at += stepBytes) yield fromFloat32(toFloat32(piece.subarray(at, Math.min(at + stepBytes, end)), from), to);
    held = piece.byteLength - end;
    split.set(piece.subarray(end), 0);
  }
  if (held > 0) throw new CheckpointError('CHECKPOINT_TRUNCATED', { found: `${held} bytes of the last element`, expected: `${width} bytes per ${from}` });
}
