import { open, type FileHandle } from 'node:fs/promises';
import { throwIfAborted } from '@chop/core';

/** Pieces below this size are gathered before they are written: a call to the system costs about as much as copying this many bytes. */
const GATHER_BYTES = 256 * 1024;
/** So many bytes go on their way to the disk while the next are made. One sync at the end would leave the disk idle until then; many small ones would keep waiting for it. */
const PUSH_BYTES = 64 << 20;

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
    let unpushed = 0;
    let pushing: Promise<void> | undefined;
    const put = async (bytes: Uint8Array): Promise<void> => {
      await writeAll(handle, bytes);
      unpushed += bytes.byteLength;
      if (unpushed < PUSH_BYTES) return;
      await pushing;
      pushing = handle.datasync();
      // Whoever waits for it next hears of its failure.
      pushing.catch(() => undefined);
      unpushed = 0;
    };
    const flush = async (): Promise<void> => {
      await put(gathered.subarray(0, waiting));
      waiting = 0;
    };
    await produce(async (piece) => {
      throwIfAborted(signal);
      if (waiting + piece.byteLength > GATHER_BYTES) await flush();
      if (piece.byteLength >= GATHER_BYTES) await put(piece);
      else {
        gathered.set(piece, waiting);
        waiting += piece.byteLength;
      }
      onBytes?.(piece.byteLength);
    });
    await flush();
    await pushing;
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) done += (await handle.write(bytes, done, bytes.byteLength - done)).bytesWritten;
}
