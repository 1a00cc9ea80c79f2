import type { Surroundings } from './surroundings.js';

/** A text of the command line, or with `-` what standard input holds. */
export async function promptFrom(text: string, stdin: Surroundings['stdin']): Promise<string> {
  if (text !== '-') return text;
  const pieces: Buffer[] = [];
  for await (const piece of stdin as AsyncIterable<Buffer | string>) pieces.push(Buffer.from(piece as Buffer));
  return Buffer.concat(pieces).toString('utf8');
}
