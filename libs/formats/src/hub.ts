import { readFile } from 'node:fs/promises';
import { CheckpointError } from '@chop/core';
import { completeSnapshot, writeRef } from './hub-cache.js';
import { type HubFile, type HubOptions, HubRepository, sizeOf } from './hub-repository.js';
import { isCompanion } from './huggingface.js';
import { checkFileName } from './names.js';
import { isJsonObject, parseStrictJson } from './strict-json.js';

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
/** What is fetched beside the weights: config, tokenizer, templates, licence. */
const WANTED = /^((LICENSE|NOTICE)(\.\w+)?|.+\.(json|jinja|model|txt|tiktoken))$/;

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
  const repository = new HubRepository('model', id, options);
  return repository.resolve(
    () => completeSnapshot(repository.cache, repository.revision),
    () => download(repository, options),
  );
}

async function download(repository: HubRepository, { onProgress }: HubOptions): Promise<string> {
  const { id, cache, revision } = repository;
  const commit = await repository.commit();
  const listed = new Map<string, HubFile>();
  for await (const entry of repository.files(commit, { recursive: false })) if (!entry.path.includes('/')) listed.set(entry.path, entry);
  const folder = cache.snapshot(commit);
  const bring = async (name: string, onBytes?: (bytes: number) => void): Promise<void> => {
    const entry = listed.get(name);
    if (!entry) throw new CheckpointError('CHECKPOINT_SHARD_MISSING', { file: id, found: `no ${name}`, expected: `the file that ${INDEX} names` });
    await repository.bring(commit, entry, onBytes);
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
