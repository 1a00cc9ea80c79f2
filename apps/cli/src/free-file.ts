import { stat } from 'node:fs/promises';
import { UsageError } from '@chop/core/error';

/** @throws {@link UsageError} `OUTPUT_EXISTS` when there is something of that name already. */
export async function checkFree(file: string): Promise<void> {
  const there = await stat(file).catch(() => undefined);
  if (there)
    throw new UsageError('OUTPUT_EXISTS', {
      file,
      found: 'something there already',
      expected: 'a new file',
      remedy: 'Choose another name, or replace it with --force.',
    });
}
