import { open, type FileHandle } from 'node:fs/promises';
import { throwIfAborted } from '@chop/core';

/** Pieces below this size are gathered before they are written: a call to the system costs about as much as copying this many bytes. */
const GATHER_BYTES = 256 * 1024;

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes of every piece taken. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** Takes a piece; it may be reused by its owner when the promise resolves. */
export type Write = (piece: Uint8Array) => Promise<void>;

/** Creates a new file, hands its writer to `produce`, and syncs what was written to disk. */
export async function writeStream(path: string, { signal, onBytes }: WriteOptions, produce: (write: Write) => Promise<void>): Promise<void> {
  const handle = await open(path, 'w');
  try {
    const gathered = new Uint8Array(GATHER_BYTES);
    let waiting = 0;
    const flush = async (): Promise<void> => {
      await writeAll(handle, gathered.subarray(0, waiting));
      waiting = 0;
    };
    await produce(async (piece) => {
      throwIfAborted(signal);
      if (waiting + piece.byteLength > GATHER_BYTES) await flush();
      if (piece.byteLength >= GATHER_BYTES) await writeAll(handle, piece);
      else {
        gathered.set(piece, waiting);
        waiting += piece.byteLength;
      }
      onBytes?.(piece.byteLength);
    });
    await flush();
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) done += (await handle.write(bytes, done, bytes.byteLength - done)).bytesWritten;
}
