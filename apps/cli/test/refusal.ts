import { readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expect } from '@jest/globals';
import { chop } from './command.js';

/** What must be said of a bad input. */
export interface Expected {
  readonly code: string;
  readonly exitCode?: number;
  /** Texts of the message: what was found, what was expected, what to do. */
  readonly says: readonly (string | RegExp)[];
}

/** What `--json` prints of a failure. */
export interface ToldError {
  readonly code: string;
  readonly message: string;
  readonly remedy?: string;
  readonly file?: string;
  readonly line?: number;
}

/** Every file and folder below one, with its size and time of change. */
export async function listing(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const lines = entries.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    const { size, mtimeMs } = await stat(path);
    return entry.isDirectory() ? relative(folder, path) : `${relative(folder, path)} ${size} ${mtimeMs}`;
  });
  return (await Promise.all(lines)).sort();
}

/**
 * Runs a command that must be refused: with that exit code and that error, exactly one object `{ error }` on standard output, what was
 * found and what to do in its message, and every file below `folder` as it was.
 */
export async function expectRefusal(words: readonly string[], folder: string, { code, exitCode = 2, says }: Expected): Promise<ToldError> {
  const before = await listing(folder);
  const outcome = await chop([...words, '--json'], folder);
  const error = toldError(outcome.stdout);
  expect({ code: error.code, exitCode: outcome.exitCode }).toEqual({ code, exitCode });
  expect(error.remedy).toMatch(/\w/);
  const said = error.message.endsWith(error.remedy!) ? error.message : `${error.message} ${error.remedy}`;
  for (const text of says) expect(said).toMatch(text instanceof RegExp ? text : new RegExp(escaped(text)));
  expect(await listing(folder)).toEqual(before);
  return error;
}

/** The one object on standard output. */
export function toldError(stdout: string): ToldError {
  const lines = stdout.split('\n');
  expect(lines).toEqual([lines[0], '']);
  const told = JSON.parse(lines[0]!) as { error: ToldError };
  expect(Object.keys(told)).toEqual(['error']);
  return told.error;
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
