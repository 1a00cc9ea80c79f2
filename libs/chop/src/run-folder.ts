import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { atomicFile, atomicFolder } from '@chop/formats';

/** All that a run leaves in its folder: what holds anything else is not deleted. */
const RUN_FILES = ['recipe.yaml', 'events.jsonl', 'results.json', 'report.html', 'models', 'samples', 'export'];

/**
 * Makes the folder of a run: there as a whole, with an empty log and these files, or not at all.
 *
 * @throws {@link UsageError} `OUTPUT_EXISTS`; `OUTPUT_FOREIGN` for a folder with anything in it that a run does not leave.
 */
export function beginRun(out: string, files: Readonly<Record<string, string>>, { force }: { readonly force?: boolean | undefined } = {}): Promise<void> {
  return atomicFolder(out, { force, objection }, async (temporary) => {
    await mkdir(join(temporary, 'models'));
    for (const [name, text] of Object.entries({ 'events.jsonl': '', ...files })) await atomicFile(join(temporary, name), text);
  });
}

async function objection(folder: string): Promise<string | undefined> {
  const names = await readdir(folder);
  const foreign = names.find((name) => !RUN_FILES.includes(name));
  if (foreign !== undefined) return `${JSON.stringify(foreign)} in a folder that is no run`;
  return names.includes('events.jsonl') ? undefined : 'something that is no run';
}
