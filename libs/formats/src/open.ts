import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Checkpoint, CheckpointError, nearest } from '@chop/core';
import { reading } from './byte-ranges.js';
import { recover } from './atomic.js';
import { openGguf } from './gguf.js';
import { resolveHub } from './hub.js';
import type { HubOptions } from './hub-repository.js';
import { openFolder } from './huggingface.js';

const HUB = 'hf:';

/**
 * Opens what a user calls a model: a Hugging Face folder, a `.gguf` file, or `hf:org/name[@revision]`.
 *
 * @throws {@link CheckpointError} `CHECKPOINT_MISSING`, `CHECKPOINT_KIND`, and what {@link openFolder}, {@link openGguf} and {@link resolveHub} throw.
 */
export async function openCheckpoint(model: string, options: HubOptions = {}): Promise<Checkpoint> {
  if (model.startsWith(HUB)) {
    const [id, ...revision] = model.slice(HUB.length).split('@');
    const folder = await resolveHub(id!, revision.length > 0 ? { ...options, revision: revision.join('@') } : options);
    return { ...(await openFolder(folder)), source: model };
  }
  const found = await stat(model).catch(async (error: unknown) => ((await recover(model)) ? stat(model) : absent(model, error)));
  if (found?.isDirectory()) return openFolder(model);
  if (found?.isFile() && /\.gguf$/i.test(model)) return openGguf(model);
  if (found)
    throw new CheckpointError('CHECKPOINT_KIND', {
      file: model,
      found: found.isFile() ? 'a file that is no .gguf' : 'neither a file nor a folder',
      expected: EXPECTED,
      remedy: model.endsWith('.safetensors') ? `Give its folder: ${dirname(model)}` : 'Give the model itself.',
    });
  throw new CheckpointError('CHECKPOINT_MISSING', { file: model, found: 'nothing there', expected: EXPECTED, remedy: await hint(model) });
}

/** Nothing is there; where something is, but cannot be looked at (a circle of links, a folder without permission), that is told. */
async function absent(model: string, error: unknown): Promise<undefined> {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  return reading(model, () => Promise.reject(error as Error));
}

const EXPECTED = 'a Hugging Face folder, a .gguf file, or hf:org/name[@revision]';

/** The likeliest thing that was meant: the same id on the hub, or a neighbour with a similar name. */
async function hint(model: string): Promise<string> {
  if (/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(model) && !model.endsWith('.gguf')) return `For the hub, write ${HUB}${model}.`;
  const folder = dirname(resolve(model));
  const name = model.slice(model.lastIndexOf('/') + 1);
  const alike = (await readdir(folder).catch(() => [])).filter((other) => other.slice(0, 2).toLowerCase() === name.slice(0, 2).toLowerCase());
  const near = nearest(name, alike);
  return near === undefined ? 'Check the path.' : `Check the path; the nearest name there is ${join(folder, near)}.`;
}
