/** What every target holds its reader to: it answers, or it throws an error that explains itself. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChopError, DTYPE_BYTES, elementCount } from '@chop/core';

/** A message is for a terminal: whatever the input was, it must not fill it. */
const MAX_MESSAGE_CHARACTERS = 4000;

/** A folder of this process, in memory where the system has a place for that. */
export const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'chop-fuzz-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

/** The function that is fuzzed: `read` with the errors let through that a user can understand. Everything else is a finding. */
export function reader(read) {
  return async (data) => {
    try {
      await read(data);
    } catch (error) {
      if (!(error instanceof ChopError)) throw error;
      if (error.message.length > MAX_MESSAGE_CHARACTERS) throw new Error(`a message of ${error.message.length} characters: ${error.message.slice(0, 200)}`);
      JSON.stringify(error);
    }
  };
}

/** Fails the input: the reader took it, and what it gave does not hold. */
export function expectThat(holds, message) {
  if (!holds) throw new Error(message);
}

/** Writes an input to where its reader looks for it. */
export function placed(name, bytes) {
  const file = join(scratch, name);
  writeFileSync(file, bytes);
  return file;
}

/** Reads a checkpoint's tensors to the end and counts: as many bytes as shapes and dtypes say. */
export async function drain({ tensors, stream }, maxBytes = 1 << 20) {
  for (const { name, shape, dtype } of tensors.values()) {
    const expected = elementCount(shape) * DTYPE_BYTES[dtype];
    if (expected > maxBytes) continue;
    let bytes = 0;
    for await (const piece of stream(name)) bytes += piece.byteLength;
    expectThat(bytes === expected, `${bytes} bytes of ${name} instead of ${expected}`);
  }
}
