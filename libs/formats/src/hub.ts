import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CheckpointError, ChopError, InterruptedError, throwIfAborted, UsageError } from '@chop/core';
import type { ListFileEntry } from '@huggingface/hub';
import { outputError } from './atomic.js';
import { type CachedModel, cachedModel, COMMIT, completeSnapshot, type Environment, hubToken, isOffline, linkBlob, writeRef } from './hub-cache.js';
import { isCompanion } from './huggingface.js';
import { checkFileName } from './names.js';
import { isJsonObject, parseStrictJson } from './strict-json.js';

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
/** What is fetched beside the weights: config, tokenizer, templates, licence. */
const WANTED = /^((LICENSE|NOTICE)(\.\w+)?|.+\.(json|jinja|model|txt|tiktoken))$/;

/** Which revision of a hub model is fetched, and who hears of it. */
export interface HubOptions {
  /** A branch, tag or commit; default `main`. */
  readonly revision?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { file: string; bytes: number; totalBytes: number }) => void) | undefined;
  /** Where `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH` and `HF_HUB_OFFLINE` are read from; default `process.env`. */
  readonly environment?: Environment | undefined;
}

/**
 * Brings a model from the Hugging Face hub into the cache that all of Hugging Face's tools share, and names its folder.
 * What is there already is not fetched again; a download that broke off goes on where it was; every file is checked
 * against the hub's hash. Without a connection, a model that is cached whole is used as it is.
 *
 * @param id - `org/name`
 * @throws {@link CheckpointError} `HUB_NOT_FOUND`, `HUB_DENIED`, `HUB_OFFLINE`, `HUB_UNREACHABLE`, `HUB_FAILED`, `HUB_CORRUPT`, `CHECKPOINT_PICKLE`, `CHECKPOINT_WEIGHTS_MISSING`, `CHECKPOINT_NAME`
 * @throws {@link UsageError} `HUB_ID` when the id or revision cannot be one
 * @throws {@link OutputError} `OUTPUT_DISK_FULL`, `OUTPUT_READ_ONLY` for the cache
 * @throws {@link InterruptedError}
 */
export async function resolveHub(id: string, options: HubOptions = {}): Promise<string> {
  const { revision = 'main', signal, environment = process.env } = options;
  checkId(id, revision);
  const cache = cachedModel(id, environment);
  const cached = (): Promise<string | undefined> => completeSnapshot(cache, revision);
  if (COMMIT.test(revision) || isOffline(environment)) {
    const folder = await cached();
    if (folder !== undefined) return folder;
    if (isOffline(environment))
      throw new CheckpointError('HUB_OFFLINE', {
        found: `no complete copy of ${id} (${revision}) in the cache`,
        expected: 'one, because HF_HUB_OFFLINE is set',
        remedy: 'Unset HF_HUB_OFFLINE once to download it.',
      });
  }
  try {
    return await download(id, revision, cache, options, await client(environment, signal));
  } catch (error) {
    if (signal?.aborted) throw new InterruptedError({ found: `the download of ${id} was interrupted`, remedy: 'The next one goes on where it was.' });
    const known = await explain(error, id, revision, cache);
    const folder = known.code === 'HUB_UNREACHABLE' ? await cached() : undefined;
    if (folder !== undefined) return folder;
    throw known;
  }
}

/** The hub's library with endpoint, token and signal filled in. */
async function client(environment: Environment, signal: AbortSignal | undefined) {
  const hub = await import('@huggingface/hub');
  const accessToken = await hubToken(environment);
  const endpoint = environment['HF_ENDPOINT'];
  const access = {
    ...(accessToken === undefined ? {} : { accessToken }),
    ...(endpoint ? { hubUrl: endpoint.replace(/\/+$/, '') } : {}),
    fetch: ((url, init) => fetch(url, { ...init, ...(signal ? { signal } : {}) })) as typeof fetch,
  };
  return {
    commit: async (id: string, revision: string): Promise<string> => (await hub.modelInfo({ name: id, revision, additionalFields: ['sha'], ...access })).sha,
    files: (id: string, commit: string) => hub.listFiles({ repo: id, revision: commit, ...access }),
    /** The content, fetched when it is streamed. By plain ranges: every mirror of the hub speaks them. */
    content: (id: string, commit: string, path: string) => hub.downloadFile({ repo: id, revision: commit, path, xet: false, ...access }),
  };
}
type Client = Awaited<ReturnType<typeof client>>;

async function download(id: string, revision: string, cache: CachedModel, { signal, onProgress }: HubOptions, hub: Client): Promise<string> {
  const commit = await hub.commit(id, revision);
  if (!COMMIT.test(commit)) throw corrupt(id, `the commit ${JSON.stringify(commit)}`, 'forty hexadecimal digits');
  const listed = new Map<string, ListFileEntry>();
  for await (const entry of hub.files(id, commit)) if (entry.type === 'file' && !entry.path.includes('/')) listed.set(entry.path, entry);
  const folder = cache.snapshot(commit);
  const bring = async (name: string, onBytes?: (bytes: number) => void): Promise<void> => {
    throwIfAborted(signal);
    const entry = listed.get(name);
    if (!entry) throw new CheckpointError('CHECKPOINT_SHARD_MISSING', { file: id, found: `no ${name}`, expected: `the file that ${INDEX} names` });
    await linkBlob(await fetchBlob(id, commit, entry, cache, hub, onBytes), folder, name);
  };
  const weights = listed.has(SINGLE)
    ? [SINGLE]
    : listed.has(INDEX)
      ? await bring(INDEX).then(() => shards(`${folder}/${INDEX}`))
      : noWeights(id, [...listed.keys()]);
  const beside = [...listed.values()]
    .filter(({ path, size }) => path === 'config.json' || (WANTED.test(path) && isCompanion(path, size)))
    .map(({ path }) => path);
  const names = [...beside, ...weights];
  const totalBytes = names.reduce((sum, name) => sum + sizeOf(listed.get(name)), 0);
  let before = 0;
  for (const file of names) {
    checkFileName(file, id);
    await bring(file, (bytes) => onProgress?.({ file, bytes: before + bytes, totalBytes }));
    before += sizeOf(listed.get(file));
    onProgress?.({ file, bytes: before, totalBytes });
  }
  await writeRef(cache, revision, commit);
  return folder;
}

/** Brings one file's content into the cache under its hash, and says where it lies. */
async function fetchBlob(
  id: string,
  commit: string,
  entry: ListFileEntry,
  cache: CachedModel,
  hub: Client,
  onBytes?: (bytes: number) => void,
): Promise<string> {
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
      const content = await hub.content(id, commit, path);
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

async function shards(file: string): Promise<string[]> {
  const index = parseStrictJson(await readFile(file, 'utf8'), file, INDEX);
  const map = isJsonObject(index) && isJsonObject(index['weight_map']) ? index['weight_map'] : {};
  return [...new Set(Object.values(map).map(String))];
}

function noWeights(id: string, names: readonly string[]): never {
  const gguf = names.find((name) => name.endsWith('.gguf'));
  const pickled = names.find((name) => /\.(bin|pt|pth)$/.test(name));
  if (pickled !== undefined && gguf === undefined)
    throw new CheckpointError('CHECKPOINT_PICKLE', {
      file: id,
      found: `weights in ${pickled} only`,
      expected: 'safetensors',
      remedy: 'Look for a revision with safetensors: such files run code when they are read.',
    });
  throw new CheckpointError('CHECKPOINT_WEIGHTS_MISSING', {
    file: id,
    found: gguf === undefined ? 'no weights' : `no safetensors, only ${gguf}`,
    expected: `${SINGLE}, or ${INDEX}`,
    ...(gguf === undefined ? {} : { remedy: 'Download that file and give its path.' }),
  });
}

/** What went wrong, in words that say what to do. */
async function explain(error: unknown, id: string, revision: string, cache: CachedModel): Promise<ChopError> {
  if (error instanceof ChopError) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  const output = outputError(cause, dirname(cache.blob('')));
  if (output instanceof ChopError && isSystemError(cause)) return output;
  const { HubApiError } = await import('@huggingface/hub');
  const name = `${id}${revision === 'main' ? '' : ` at ${revision}`}`;
  const status = error instanceof HubApiError ? error.statusCode : undefined;
  const facts = { file: id, cause };
  if (status === 404)
    return new CheckpointError('HUB_NOT_FOUND', {
      ...facts,
      found: `no model ${name} on the hub`,
      expected: 'org/name of a model, and a branch, tag or commit of it',
      remedy: 'Check the spelling.',
    });
  if (status === 401 || status === 403)
    return new CheckpointError('HUB_DENIED', {
      ...facts,
      found: `no access to ${name} (${status})`,
      expected: 'a public model, or one that your token may read',
      remedy: 'Check the spelling; for a gated or private model accept its terms on its page and set HF_TOKEN.',
    });
  if (status !== undefined)
    return new CheckpointError('HUB_FAILED', {
      ...facts,
      found: `an answer ${status} of the hub for ${name}`,
      expected: 'the model',
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

function checkId(id: string, revision: string): void {
  const part = /^(?!.*(\.\.|--))[\w-][\w.-]{0,95}$/;
  const parts = id.split('/');
  const revisionFits =
    revision.length > 0 && revision.length < 256 && revision.split('/').every((step) => /^[\w.+@-]+$/.test(step) && step !== '.' && step !== '..');
  if (parts.length > 2 || !parts.every((one) => part.test(one)) || !revisionFits) {
    throw new UsageError('HUB_ID', {
      found: JSON.stringify(`${id}${revision === 'main' ? '' : `@${revision}`}`),
      expected: 'org/name, or org/name@revision',
      remedy: 'For example hf:HuggingFaceTB/SmolLM2-135M.',
    });
  }
}

function corrupt(id: string, found: string, expected: string): CheckpointError {
  return new CheckpointError('HUB_CORRUPT', { file: id, found, expected, remedy: 'Try again; if it stays, the host or a proxy changes what it sends.' });
}

function sizeOf(entry: ListFileEntry | undefined): number {
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
