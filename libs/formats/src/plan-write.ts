import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { atomicFile, atomicPlace } from './atomic.js';
import { checkFileName } from './names.js';
import { planDocument, type PlanDocument, planTensors, type SavedPlan } from './plan-file.js';
import { writeSafetensors } from './safetensors.js';

/** Of the hash in a name: enough to tell the plans of one folder apart. */
const HASH_CHARACTERS = 16;

/**
 * Writes `plan.json`, and beside it the masks and new values when there are any; returns the files written. Whoever looks sees the old plan or the new one: the
 * side file is `plan.safetensors`, or `plan-HASH.safetensors` where that name belongs to another plan, and the old one goes when `plan.json` no longer names it.
 *
 * @throws {@link OutputError} what {@link atomicFile} throws; then the old plan is untouched and nothing new is left.
 */
export async function savePlan(file: string, saved: SavedPlan): Promise<string[]> {
  const before = await sideOf(file);
  const sources = planTensors(saved.plan);
  const side = sources.length > 0 ? await placeSide(file, before, (path) => writeSafetensors(path, sources, { metadata: { format: 'chop-plan' } })) : undefined;
  try {
    await atomicFile(file, `${JSON.stringify(planDocument(saved, side && basename(side.path)), undefined, 1)}\n`);
  } catch (error) {
    // It may have failed when the new plan already stood: in the last sync.
    if (side?.isNew && (await sideOf(file)) !== side.path) await rm(side.path, { force: true }).catch(() => undefined);
    throw error;
  }
  // The new plan stands: an old file that cannot be removed is no failure of it.
  if (before !== undefined && before !== side?.path) await rm(before, { force: true }).catch(() => undefined);
  return side ? [file, side.path] : [file];
}

/** The side file that the plan which is there already names. */
async function sideOf(file: string): Promise<string | undefined> {
  try {
    const { format, tensors } = JSON.parse(await readFile(file, 'utf8')) as Partial<PlanDocument>;
    if (format !== 'chop-plan' || typeof tensors !== 'string') return undefined;
    checkFileName(tensors, file);
    return join(dirname(file), tensors);
  } catch {
    return undefined;
  }
}

/** Puts the side file where it takes no other plan's place: two that write at once do not meet. */
async function placeSide(file: string, before: string | undefined, write: (path: string) => Promise<void>): Promise<{ path: string; isNew: boolean }> {
  const stem = join(dirname(file), basename(file).replace(/\.json$/, ''));
  const plain = `${stem}.safetensors`;
  let placed: { path: string; isNew: boolean } | undefined;
  await atomicPlace(plain, async (temporary) => {
    await write(temporary);
    const hash = await hashOf(temporary);
    const hashed = `${stem}-${hash.slice(0, HASH_CHARACTERS)}.safetensors`;
    for (const path of [plain, hashed]) {
      const taken = await hashOf(path).catch(() => undefined);
      if (taken === hash) placed = { path, isNew: false };
      else if (taken === undefined && path !== before && (await claim(temporary, path))) placed = { path, isNew: true };
      if (placed) return;
    }
    // A file of that name with other contents: half of what somebody else has written.
    await rename(temporary, hashed);
    placed = { path: hashed, isNew: true };
  });
  return placed!;
}

/** Gives a file a name that nothing has. */
async function claim(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // File systems without links (exFAT, some of networks): nothing was there a moment ago.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code ?? '')) throw error;
    await rename(temporary, path);
    return true;
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  return hash.digest('hex');
}
