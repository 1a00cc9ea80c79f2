import { DataError } from '@chop/core';
import { packingOf, unpacked } from './unpack.js';

/** A JSON line longer than this is no line of text but a file of another kind. In bytes; V8's longest string has 512 MiB. */
const LONGEST_LINE_BYTES = 256 << 20;

/** V8's longest string, less a little. In UTF-16 units. */
const LONGEST_TEXT = 0x1fff_0000;

const BYTE_ORDER_MARK = '\uFEFF';

/**
 * A file's text, unpacked when it ends with `.gz` or `.zst`, without a byte order mark.
 * @throws {@link DataError} `DATA_BROKEN` a broken archive, bytes that are not UTF-8, or more than a string can hold.
 */
export async function readText(file: string): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const pieces: string[] = [];
  let characters = 0;
  try {
    for await (const bytes of unpacked(file)) {
      pieces.push(decoder.decode(bytes, { stream: true }));
      characters += pieces.at(-1)!.length;
      if (characters > LONGEST_TEXT) throw new Error(`more than ${LONGEST_TEXT} characters in one text`);
    }
    pieces.push(decoder.decode());
    return pieces.join('');
  } catch (cause) {
    return unreadable(file, cause);
  }
}

/**
 * The lines of a file with their numbers from 1, read as a stream, unpacked when it ends with `.gz` or `.zst`. Only `\n` and `\r\n` end a line: JSON
 * may hold U+2028 as it is.
 *
 * @throws {@link DataError} `DATA_BROKEN` a broken archive; `DATA_LINE` bytes that are not UTF-8.
 */
export async function* readLines(file: string): AsyncGenerator<{ readonly text: string; readonly line: number }> {
  let line = 0;
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  try {
    for await (const chunk of unpacked(file)) {
      let from = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
        yield { text: decodeLine([...rest, chunk.subarray(from, end)], file, ++line), line };
        rest = [];
        restBytes = 0;
        from = end + 1;
      }
      rest.push(chunk.subarray(from));
      restBytes += chunk.length - from;
      if (restBytes > LONGEST_LINE_BYTES)
        throw new DataError('DATA_LINE', {
          file,
          line: line + 1,
          found: `a line of more than ${LONGEST_LINE_BYTES >> 20} MiB`,
          expected: 'one JSON object per line',
        });
    }
    if (restBytes > 0) yield { text: decodeLine(rest, file, ++line), line };
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    unreadable(file, cause);
  }
}

function decodeLine(parts: readonly Uint8Array[], file: string, line: number): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(parts.length === 1 ? parts[0] : Buffer.concat(parts));
    const start = line === 1 && text.startsWith(BYTE_ORDER_MARK) ? 1 : 0;
    return text.slice(start, text.endsWith('\r') ? -1 : undefined);
  } catch (cause) {
    throw new DataError('DATA_LINE', { file, line, found: 'bytes that are not UTF-8', expected: 'text in UTF-8', remedy: 'Mend or remove that line.', cause });
  }
}

function unreadable(file: string, cause: unknown): never {
  const reason = cause instanceof Error ? cause.message : String(cause);
  throw new DataError('DATA_BROKEN', {
    file,
    found: `data that cannot be read (${reason})`,
    expected: `${packingOf(file)}UTF-8 text`,
    remedy: 'Make or copy the file again.',
    cause,
  });
}
