import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CheckpointError, ChopError, InterruptedError, throwIfAborted, UsageError } from '@chop/core';
import type { ListFileEntry } from '@huggingface/hub';
import { outputError } from './atomic.js';
import { type CachedRepository, cachedRepository, COMMIT, type Environment, hubToken, isOffline, linkBlob, type RepositoryKind } from './hub-cache.js';

/** Which revision of a model or data set is fetched, and who hears of it. */
export interface HubOptions {
  /** A branch, tag or commit; by default `main` of a model. */
  readonly revision?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { file: string; bytes: number; totalBytes: number }) => void) | undefined;
  /** Where `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH` and `HF_HUB_OFFLINE` are read from; default `process.env`. */
  readonly environment?: Environment | undefined;
}

/** What a repository is called where it is told of. */
const NOUN: Readonly<Record<RepositoryKind, string>> = { model: 'model', dataset: 'data set' };

/** A repository of the hub at a revision, and its place in the cache. */
export class HubRepository {
  readonly kind: RepositoryKind;
  readonly id: string;
  readonly revision: string;
  readonly cache: CachedRepository;
  readonly signal: AbortSignal | undefined;
  readonly #environment: Environment;
  #client: Promise<Client> | undefined;

  /** @throws {@link UsageError} `HUB_ID` when the id or revision cannot be one. */
  constructor(kind: RepositoryKind, id: string, { revision = 'main', signal, environment = process.env }: HubOptions) {
    checkId(kind, id, revision);
    this.kind = kind;
    this.id = id;
    this.revision = revision;
    this.signal = signal;
    this.cache = cachedRepository(kind, id, environment);
    this.#environment = environment;
  }

  /**
   * What is cached whole, where it is a commit or nobody may connect; what is downloaded; or what is cached, where the hub is out of reach.
   *
   * @throws {@link CheckpointError} `HUB_NOT_FOUND`, `HUB_DENIED`, `HUB_OFFLINE`, `HUB_UNREACHABLE`, `HUB_FAILED`
   */
  async resolve<T>(cached: () => Promise<T | undefined>, download: () => Promise<T>): Promise<T> {
    const offline = isOffline(this.#environment);
    if (COMMIT.test(this.revision) || offline) {
      const found = await cached();
      if (found !== undefined) return found;
      if (offline) throw this.offline(`no complete copy of ${this.id} (${this.revision}) in the cache`);
    }
    try {
      return await this.telling(download);
    } catch (error) {
      const found = error instanceof ChopError && error.code === 'HUB_UNREACHABLE' ? await cached() : undefined;
      if (found !== undefined) return found;
      throw error;
    }
  }

  offline(found: string): CheckpointError {
    return new CheckpointError('HUB_OFFLINE', { found, expected: 'one, because HF_HUB_OFFLINE is set', remedy: 'Unset HF_HUB_OFFLINE once to download it.' });
  }

  get isOffline(): boolean {
    return isOffline(this.#environment);
  }

  /** Which commit the revision is now. */
  async commit(): Promise<string> {
    const commit = await (await this.#hub()).commit(this.revision);
    if (!COMMIT.test(commit)) throw corrupt(this.id, `the commit ${JSON.stringify(commit)}`, 'forty hexadecimal digits');
    return commit;
  }

  /** Its files at a commit. */
  async *files(commit: string, options: { readonly recursive: boolean }): AsyncGenerator<ListFileEntry> {
    for await (const entry of (await this.#hub()).files(commit, options.recursive)) if (entry.type === 'file') yield entry;
  }

  /**
   * Brings a file into the snapshot of a commit, and names it there; what is in the cache is not fetched again, a download that broke off goes on
   * where it was, and the content is checked against the hub's hash.
   *
   * @throws {@link CheckpointError} `HUB_CORRUPT`
   */
  async bring(commit: string, entry: HubFile, onBytes?: (bytes: number) => void): Promise<string> {
    throwIfAborted(this.signal);
    const blob = await fetchBlob(this.id, commit, entry, this.cache, await this.#hub(), onBytes);
    return linkBlob(blob, this.cache.snapshot(commit), entry.path);
  }

  /** Runs what asks the hub; what goes wrong is told in words that say what to do. */
  async telling<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (this.signal?.aborted)
        throw new InterruptedError({ found: `the download of ${this.id} was interrupted`, remedy: 'The next one goes on where it was.' });
      throw await explain(error, this);
    }
  }

  #hub(): Promise<Client> {
    return (this.#client ??= client(this.kind, this.id, this.#environment, this.signal));
  }
}

/** A file of a repository: its path, size and hash. */
export type HubFile = Pick<ListFileEntry, 'path' | 'size' | 'oid' | 'lfs'>;

/** The hub's library with repository, endpoint, token and signal filled in. */
async function client(kind: RepositoryKind, id: string, environment: Environment, signal: AbortSignal | undefined) {
  const hub = await import('@huggingface/hub');
  const accessToken = await hubToken(environment);
  const endpoint = environment['HF_ENDPOINT'];
  const repo = { type: kind, name: id };
  const access = {
    ...(accessToken === undefined ? {} : { accessToken }),
    ...(endpoint ? { hubUrl: endpoint.replace(/\/+$/, '') } : {}),
    fetch: ((url, init) => fetch(url, { ...init, ...(signal ? { signal } : {}) })) as typeof fetch,
  };
  return {
    commit: async (revision: string): Promise<string> => {
      const wanted: { name: string; revision: string; additionalFields: 'sha'[] } = { name: id, revision, additionalFields: ['sha'] };
      return (kind === 'model' ? await hub.modelInfo({ ...wanted, ...access }) : await hub.datasetInfo({ ...wanted, ...access })).sha;
    },
    files: (commit: string, recursive: boolean) => hub.listFiles({ repo, revision: commit, recursive, ...access }),
    /** The content, fetched when it is streamed. By plain ranges: every mirror of the hub speaks them. */
    content: (commit: string, path: string) => hub.downloadFile({ repo, revision: commit, path, xet: false, ...access }),
  };
}
type Client = Awaited<ReturnType<typeof client>>;

/** Brings one file's content into the cache under its hash, and says where it lies. */
async function fetchBlob(id: string, commit: string, entry: HubFile, cache: CachedRepository, hub: Client, onBytes?: (bytes: number) => void): Promise<string> {
  const hash = entry.lfs?.oid ?? entry.oid ?? '';
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash)) throw corrupt(id, `the hash ${JSON.stringify(hash)} for ${entry.path}`, 'a SHA-1 or SHA-256');
  const blob = cache.blob(hash);
  if ((await fileBytes(blob)) !== undefined) return blob;
  const partial = `${blob}.incomplete`;
  const size = sizeOf(entry);
  await mkdir(dirname(blob), { recursive: true });
  if (((await fileBytes(partial)) ?? 0) > size) await truncate(partial);
  for (;;) {
    const from = (await fileBytes(partial)) ?? 0;
    try {
      await append(id, commit, entry.path, partial, from, size, hub, onBytes);
      break;
    } catch (error) {
      // A connection that brought something before it broke is worth another try; one that brought nothing is not.
      const brought = ((await fileBytes(partial)) ?? 0) > from;
      if (!brought || error instanceof ChopError || isSystemError(error) || isAbort(error)) throw error;
    }
  }
  const found = await gitHash(partial, size, hash.length === 64);
  if (found !== hash) {
    await rm(partial, { force: true });
    throw corrupt(id, `${entry.path} with the hash ${found}`, hash);
  }
  // Another process may have finished the same bytes first.
  await rename(partial, blob).catch(async (error: unknown) => {
    if ((await fileBytes(blob)) === undefined) throw error;
  });
  return blob;
}

/** Writes what is missing of a file behind what is there; written by place, so that two downloads of the same bytes do no harm. */
async function append(
  id: string,
  commit: string,
  path: string,
  partial: string,
  from: number,
  size: number,
  hub: Client,
  onBytes?: (bytes: number) => void,
): Promise<void> {
  const handle = await open(partial, constants.O_RDWR | constants.O_CREAT);
  try {
    let at = from;
    if (at < size) {
      const content = await hub.content(commit, path);
      if (content?.size !== size) throw corrupt(id, content ? `${content.size} bytes of ${path}` : `no ${path}`, `${size} bytes`);
      for await (const chunk of content.slice(from).stream() as unknown as AsyncIterable<Uint8Array>) {
        if (at + chunk.byteLength > size) throw corrupt(id, `more than ${size} bytes of ${path}`, `${size} bytes`);
        for (let done = 0; done < chunk.byteLength;) {
          const { bytesWritten } = await handle.write(chunk, done, chunk.byteLength - done, at);
          done += bytesWritten;
          at += bytesWritten;
        }
        onBytes?.(at);
      }
    }
    if (at < size) throw new Error(`the connection ended after ${at} of ${size} bytes`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The name under which hosts keep a file: SHA-256 of its content, or git's SHA-1 of a blob. */
async function gitHash(file: string, size: number, sha256: boolean): Promise<string> {
  const hash = createHash(sha256 ? 'sha256' : 'sha1');
  if (!sha256) hash.update(`blob ${size}\0`);
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** What went wrong, in words that say what to do. */
async function explain(error: unknown, { kind, id, revision, cache }: HubRepository): Promise<ChopError> {
  if (error instanceof ChopError) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  const output = outputError(cause, dirname(cache.blob('')));
  if (output instanceof ChopError && isSystemError(cause)) return output;
  const { HubApiError } = await import('@huggingface/hub');
  const name = `${id}${revision === 'main' ? '' : ` at ${revision}`}`;
  const status = error instanceof HubApiError ? error.statusCode : undefined;
  const facts = { file: id, cause };
  const noun = NOUN[kind];
  if (status === 404)
    return new CheckpointError('HUB_NOT_FOUND', {
      ...facts,
      found: `no ${noun} ${name} on the hub`,
      expected: `org/name of a ${noun}, and a branch, tag or commit of it`,
      remedy: 'Check the spelling.',
    });
  if (status === 401 || status === 403)
    return new CheckpointError('HUB_DENIED', {
      ...facts,
      found: `no access to ${name} (${status})`,
      expected: `a public ${noun}, or one that your token may read`,
      remedy: `Check the spelling; for a gated or private ${noun} accept its terms on its page and set HF_TOKEN.`,
    });
  if (status !== undefined)
    return new CheckpointError('HUB_FAILED', {
      ...facts,
      found: `an answer ${status} of the hub for ${name}`,
      expected: `the ${noun}`,
      remedy: 'Try again later.',
    });
  if (cause instanceof TypeError && cause.message.includes('access token'))
    return new CheckpointError('HUB_DENIED', {
      ...facts,
      found: 'a token that does not start with hf_',
      expected: 'a token of the hub',
      remedy: 'Correct HF_TOKEN, or log in anew.',
    });
  return new CheckpointError('HUB_UNREACHABLE', {
    ...facts,
    found: `no answer from the hub for ${name} (${(cause.cause as Error | undefined)?.message || cause.message})`,
    expected: 'a connection, or a complete copy in the cache',
    remedy: 'Check the network and HF_ENDPOINT; what was downloaded is kept.',
  });
}

function checkId(kind: RepositoryKind, id: string, revision: string): void {
  const part = /^(?!.*(\.\.|--))[\w-][\w.-]{0,95}$/;
  const parts = id.split('/');
  const revisionFits =
    revision.length > 0 && revision.length < 256 && revision.split('/').every((step) => /^[\w.+@-]+$/.test(step) && step !== '.' && step !== '..');
  if (parts.length > 2 || !parts.every((one) => part.test(one)) || !revisionFits) {
    throw new UsageError('HUB_ID', {
      found: JSON.stringify(`${id}${revision === 'main' ? '' : `@${revision}`}`),
      expected: 'org/name, or org/name@revision',
      remedy: kind === 'model' ? 'For example hf:HuggingFaceTB/SmolLM2-135M.' : 'For example hf:org/texts:en/train.',
    });
  }
}

function corrupt(id: string, found: string, expected: string): CheckpointError {
  return new CheckpointError('HUB_CORRUPT', { file: id, found, expected, remedy: 'Try again; if it stays, the host or a proxy changes what it sends.' });
}

/** Bytes of a file. */
export function sizeOf(entry: Pick<HubFile, 'size' | 'lfs'> | undefined): number {
  return entry?.lfs?.size ?? entry?.size ?? 0;
}

async function fileBytes(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}

/** Errors of this machine's file system, not of the network. */
function isSystemError(error: unknown): boolean {
  return (
    error instanceof Error && ['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EACCES', 'EPERM', 'EIO', 'EMFILE'].includes((error as NodeJS.ErrnoException).code ?? '')
  );
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
