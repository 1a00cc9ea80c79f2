import { copyFile, mkdir, readFile, stat, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { atomicFile } from './atomic.js';
import { openFolder } from './huggingface.js';

/** Variables of the process: what they are called is the contract of Hugging Face's own tools. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a repository of the hub holds. */
export type RepositoryKind = 'model' | 'dataset';

/** Where one repository lies in the cache that all of Hugging Face's tools share: blobs by hash, snapshots of links, refs. */
export interface CachedRepository {
  blob(hash: string): string;
  snapshot(commit: string): string;
  ref(revision: string): string;
  /** chop's own: which files a data set has at a commit. */
  listing(commit: string): string;
}

/** A commit as hosts name it. */
export const COMMIT = /^[0-9a-f]{40}$/;

export function cachedRepository(kind: RepositoryKind, id: string, environment: Environment): CachedRepository {
  const root = join(
    environment['HF_HUB_CACHE'] ?? environment['HUGGINGFACE_HUB_CACHE'] ?? join(hubHome(environment), 'hub'),
    `${kind}s--${id.replaceAll('/', '--')}`,
  );
  return {
    blob: (hash) => join(root, 'blobs', hash),
    snapshot: (commit) => join(root, 'snapshots', commit),
    ref: (revision) => join(root, 'refs', ...revision.split('/')),
    listing: (commit) => join(root, 'listings', `${commit}.json`),
  };
}

/** The token that the user gave by variable or by logging in with Hugging Face's tools. */
export async function hubToken(environment: Environment): Promise<string | undefined> {
  const given = environment['HF_TOKEN'] ?? environment['HUGGING_FACE_HUB_TOKEN'];
  const stored = given ?? (await readFile(environment['HF_TOKEN_PATH'] ?? join(hubHome(environment), 'token'), 'utf8').catch(() => ''));
  return stored.trim() || undefined;
}

export function isOffline(environment: Environment): boolean {
  return /^(1|on|yes|true)$/i.test(environment['HF_HUB_OFFLINE'] ?? '');
}

/** The commit that a revision was when it was last fetched. */
export async function cachedCommit(cache: CachedRepository, revision: string): Promise<string | undefined> {
  const commit = COMMIT.test(revision) ? revision : (await readFile(cache.ref(revision), 'utf8').catch(() => '')).trim();
  return COMMIT.test(commit) ? commit : undefined;
}

/** The snapshot of a revision, when every file of it that a model needs is there. */
export async function completeSnapshot(cache: CachedRepository, revision: string): Promise<string | undefined> {
  const commit = await cachedCommit(cache, revision);
  if (commit === undefined) return undefined;
  const folder = cache.snapshot(commit);
  const checkpoint = await openFolder(folder).catch(() => undefined);
  await checkpoint?.close();
  return checkpoint && folder;
}

/** Makes `name` of a snapshot mean a blob, and gives its path. Where links are not allowed, it becomes a copy, as in Hugging Face's tools. */
export async function linkBlob(blob: string, snapshot: string, name: string): Promise<string> {
  const path = join(snapshot, name);
  if (await stat(path).catch(() => undefined)) return path;
  await mkdir(dirname(path), { recursive: true });
  await symlink(relative(dirname(path), blob), path).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return;
    if (error.code !== 'EPERM') throw error;
    await copyFile(blob, path);
  });
  return path;
}

export async function writeRef(cache: CachedRepository, revision: string, commit: string): Promise<void> {
  if (revision !== commit) await atomicFile(cache.ref(revision), commit);
}

function hubHome(environment: Environment): string {
  return environment['HF_HOME'] ?? join(environment['XDG_CACHE_HOME'] ?? join(environment['HOME'] ?? homedir(), '.cache'), 'huggingface');
}
