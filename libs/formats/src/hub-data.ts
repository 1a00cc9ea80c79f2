import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nearest, UsageError } from '@chop/core';
import { atomicFile } from './atomic.js';
import { cachedCommit, writeRef } from './hub-cache.js';
import { type HubFile, type HubOptions, HubRepository, sizeOf } from './hub-repository.js';

/** The branch on which the hub keeps every data set as parquet. */
const CONVERTED = 'refs/convert/parquet';
/** Of a data set with one way to look at it. */
const DEFAULT_CONFIG = 'default';
const DEFAULT_SPLIT = 'train';
/** As many configs or splits are named in an error. */
const MOST_NAMED = 40;

/** A parquet file of a data set. */
interface DataFile {
  readonly config: string;
  readonly split: string;
  readonly file: HubFile;
}

/** `hf:org/name[@revision][:config][/split]` in its parts. */
interface DataName {
  readonly id: string;
  readonly revision: string;
  readonly config?: string;
  readonly split?: string;
}

/**
 * The parquet files of a split of a data set on the hub, in order, each brought into the cache that all of Hugging Face's tools share when it is asked
 * for: who reads only the beginning fetches no more. Without a revision they are those of the branch `refs/convert/parquet`, which the hub
 * itself makes of every data set; with one they are found by their names (`config/split/….parquet`, `[config/]split-00000-of-00002.parquet`,
 * `data/split-….parquet`). The list of files is kept beside the cache, so that what was read once is read without a connection.
 *
 * @param name - `hf:org/name[@revision][:config][/split]`. Without a config: the only one, or `default`; without a split: `train`, or the only one.
 * @throws {@link UsageError} `HUB_ID`, `HUB_CONFIG` and `HUB_SPLIT` (name those there are, and the nearest), `HUB_PARQUET` when there is no parquet
 * @throws CheckpointError `HUB_NOT_FOUND`, `HUB_DENIED`, `HUB_OFFLINE`, `HUB_UNREACHABLE`, `HUB_FAILED`, `HUB_CORRUPT`
 */
export async function openHubData(name: string, options: HubOptions = {}): Promise<(() => Promise<string>)[]> {
  const wanted = parseName(name);
  const repository = new HubRepository('dataset', wanted.id, { ...options, revision: wanted.revision });
  const { commit, files } = await repository.resolve(
    () => cachedList(repository),
    () => freshList(repository),
  );
  const chosen = choose(files, wanted, name);
  const totalBytes = chosen.reduce((sum, file) => sum + sizeOf(file), 0);
  return chosen.map((file, at) => async () => {
    const before = chosen.slice(0, at).reduce((sum, other) => sum + sizeOf(other), 0);
    const path = join(repository.cache.snapshot(commit), file.path);
    if (await stat(path).catch(() => undefined)) return path;
    if (repository.isOffline) throw repository.offline(`no ${file.path} of ${name} in the cache`);
    const { onProgress } = options;
    return repository.telling(() => repository.bring(commit, file, (bytes) => onProgress?.({ file: file.path, bytes: before + bytes, totalBytes })));
  });
}

interface Listing {
  readonly commit: string;
  readonly files: readonly HubFile[];
}

async function cachedList({ cache, revision }: Pick<HubRepository, 'cache' | 'revision'>): Promise<Listing | undefined> {
  const commit = await cachedCommit(cache, revision);
  const stored = commit === undefined ? undefined : await readFile(cache.listing(commit), 'utf8').catch(() => undefined);
  return commit === undefined || stored === undefined ? undefined : { commit, files: JSON.parse(stored) as HubFile[] };
}

async function freshList(repository: HubRepository): Promise<Listing> {
  const commit = await repository.commit();
  const known = await cachedList({ cache: repository.cache, revision: commit });
  if (known) {
    await writeRef(repository.cache, repository.revision, commit);
    return known;
  }
  const files: HubFile[] = [];
  for await (const { path, size, oid, lfs } of repository.files(commit, { recursive: true }))
    if (path.endsWith('.parquet') && path.split('/').every(isPlain)) files.push({ path, size, ...(oid ? { oid } : {}), ...(lfs ? { lfs } : {}) });
  await atomicFile(repository.cache.listing(commit), JSON.stringify(files));
  await writeRef(repository.cache, repository.revision, commit);
  return { commit, files };
}

/** A step of a path that leads nowhere else. */
function isPlain(step: string): boolean {
  return step !== '' && step !== '.' && step !== '..' && !step.includes('\\') && !step.includes('\0');
}

function parseName(name: string): DataName {
  const [, id, revision = CONVERTED, config, split] = /^hf:([^/@:]+(?:\/[^/@:]+)?)(?:@([^/:]+))?(?::([^/]*))?(?:\/([^/]+))?$/.exec(name) ?? [];
  if (id !== undefined) return { id, revision, ...(config ? { config } : {}), ...(split === undefined ? {} : { split }) };
  throw new UsageError('HUB_ID', {
    found: JSON.stringify(name),
    expected: 'hf:org/dataset[@revision][:config][/split]',
    remedy: 'For example hf:org/texts:en/train.',
  });
}

function choose(files: readonly HubFile[], { id, config: wantedConfig, split: wantedSplit }: DataName, name: string): HubFile[] {
  const all = files.flatMap((file) => placed(file));
  if (all.length === 0)
    throw new UsageError('HUB_PARQUET', {
      file: name,
      found: files.length === 0 ? 'no parquet file' : `${files.length} parquet files, none with the name of a split`,
      expected: `a data set that the hub has as parquet (its branch ${CONVERTED})`,
      remedy: 'Download its files and give them, or name a revision with parquet files: hf:org/name@main.',
    });
  const config = pick('HUB_CONFIG', 'config', wantedConfig, DEFAULT_CONFIG, names(all, 'config'), `hf:${id}:`);
  const within = all.filter((file) => file.config === config);
  const split = pick('HUB_SPLIT', 'split', wantedSplit, DEFAULT_SPLIT, names(within, 'split'), `hf:${id}:${config}/`);
  return within
    .filter((file) => file.split === split)
    .map(({ file }) => file)
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function names(files: readonly DataFile[], key: 'config' | 'split'): string[] {
  return [...new Set(files.map((file) => file[key]))];
}

/** What was asked for; or the usual one, or the only one. */
function pick(code: string, noun: string, wanted: string | undefined, usual: string, there: readonly string[], prefix: string): string {
  const chosen = wanted ?? (there.includes(usual) ? usual : there.length === 1 ? there[0] : undefined);
  if (chosen !== undefined && there.includes(chosen)) return chosen;
  const listed = there.length > MOST_NAMED ? `${there.slice(0, MOST_NAMED).join(', ')} and ${there.length - MOST_NAMED} more` : there.join(', ');
  throw new UsageError(code, {
    found: wanted === undefined ? `no ${noun}` : `the ${noun} ${wanted}`,
    expected: `one of ${listed}`,
    remedy: `Name it: ${prefix}${(wanted && nearest(wanted, there)) ?? there[0]}.`,
  });
}

/** Which config and split a file is of, told by its path. */
function placed(file: HubFile): DataFile[] {
  const steps = file.path.split('/');
  const [, numbered] = /^(.+?)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?\.parquet$/.exec(steps.at(-1)!) ?? [];
  if (numbered !== undefined) {
    const folder = steps.at(-2);
    return [{ config: folder === undefined || folder === 'data' ? DEFAULT_CONFIG : folder, split: numbered, file }];
  }
  return steps.length === 3 ? [{ config: steps[0]!, split: steps[1]!, file }] : [];
}
