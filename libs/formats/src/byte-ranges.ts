import { open, type FileHandle } from 'node:fs/promises';
import { CheckpointError } from '@chop/core';

/** Two pieces of this size, one being read and one being written, stay in a core's cache; below the bound of every stream. */
const PIECE_BYTES = 1 << 20;

/** A file that is read by ranges, with its size when it was opened. */
export interface RangedFile {
  readonly file: string;
  readonly size: number;
  /** Bytes `[from, to)` in pieces of at most `pieceBytes`, each valid until the next one is asked for. */
  pieces(from: number, to: number, pieceBytes?: number): AsyncGenerator<Uint8Array>;
  /** Bytes `[from, to)` at once, in memory of their own. */
  bytes(from: number, to: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/**
 * Opens a regular file for reading by ranges.
 *
 * @throws {@link CheckpointError} `CHECKPOINT_MISSING`, `CHECKPOINT_READ`; while reading also `CHECKPOINT_TRUNCATED`.
 */
export async function openRanges(file: string): Promise<RangedFile> {
  const handle = await reading(file, () => open(file, 'r'));
  let closed: Promise<void> | undefined;
  try {
    const { size } = await regular(file, handle);
    return {
      file,
      size,
      async *pieces(from, to, pieceBytes = PIECE_BYTES) {
        const count = Math.ceil((to - from) / pieceBytes);
        const buffers = Array.from({ length: Math.min(2, count) }, () => new Uint8Array(Math.min(pieceBytes, to - from)));
        const read = async (number: number): Promise<Uint8Array> => {
          const at = from + number * pieceBytes;
          const piece = buffers[number % 2]!.subarray(0, to - at);
          await fill(file, handle, piece, at);
          return piece;
        };
        // While one piece is being written, the next one is read into the other buffer.
        let ahead = count > 0 ? read(0) : undefined;
        for (let number = 1; ahead; number++) {
          const piece = await ahead;
          ahead = number < count ? read(number) : undefined;
          // Its failure is told when that piece is asked for.
          ahead?.catch(() => undefined);
          yield piece;
        }
      },
      async bytes(from, to) {
        const buffer = new Uint8Array(to - from);
        await fill(file, handle, buffer, from);
        return buffer;
      },
      close: () => (closed ??= handle.close()),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function regular(file: string, handle: FileHandle): Promise<{ size: number }> {
  const stat = await reading(file, () => handle.stat());
  if (stat.isFile()) return stat;
  throw new CheckpointError('CHECKPOINT_READ', {
    file,
    found: stat.isDirectory() ? 'a folder' : 'a device or pipe',
    expected: 'a regular file',
    remedy: 'Put the file itself there.',
  });
}

async function fill(file: string, handle: FileHandle, buffer: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < buffer.byteLength;) {
    const { bytesRead } = await reading(file, () => handle.read(buffer, done, buffer.byteLength - done, position + done));
    if (bytesRead === 0) {
      throw new CheckpointError('CHECKPOINT_TRUNCATED', {
        file,
        found: `the end of the file at byte ${position + done}`,
        expected: `${position + buffer.byteLength} bytes`,
        remedy: 'The file became shorter after it was opened.',
      });
    }
    done += bytesRead;
  }
}

/** Runs a read; what the system refuses becomes a checkpoint error, so that it is never taken for a failure of the output. */
export async function reading<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === undefined) throw cause;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new CheckpointError('CHECKPOINT_MISSING', { file, found: 'no such file', expected: 'a file of the model', remedy: 'Check the path.', cause });
    throw new CheckpointError('CHECKPOINT_READ', {
      file,
      found: `an error while reading (${message})`,
      expected: 'a readable file',
      remedy: 'Look at what stands there, its links and its permissions.',
      cause,
    });
  }
}

/** The range `[from, to)` within `size` bytes of a tensor, or an error: beyond them lie the bytes of another tensor. */
export function checkRange(name: string, size: number, from = 0, to = size): [from: number, to: number] {
  if (Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= size) return [from, to];
  throw new CheckpointError('CHECKPOINT_RANGE', { found: `bytes ${from} to ${to} of ${name}`, expected: `a range within its ${size} bytes` });
}
