import { readFile, stat, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Checkpoint, CheckpointError, type Config, DTYPE_BYTES, type Dtype, elementCount, shown, type TensorInfo } from '@chop/core';
import { atomicFolder, type Check, checkReplaceable } from './atomic.js';
import { checkDisk } from './disk.js';
import { reading } from './byte-ranges.js';
import { checkFileName } from './names.js';
import { refuseQuantised } from './quantised.js';
import { openSafetensors, type SafetensorsFile, type TensorSource, writeSafetensors } from './safetensors.js';
import { isJsonObject, parseStrictJson } from './strict-json.js';
import { densely } from './two-of-four.js';
import { writeStream } from './write-stream.js';

const CONFIG = 'config.json';
const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const CARD = 'README.md';

/** The largest vocabularies' `tokenizer.json` has 35 MB; what is larger is no companion and stays where it is. */
export const MAX_COMPANION_BYTES = 64 << 20;
/** A config is a few kilobytes, an index of 500 GB of weights a few megabytes. */
const MAX_JSON_BYTES = 32 << 20;
/** Every shard stays open while its checkpoint is: systems allow 1024 open files. */
const MAX_SHARDS = 900;
/** Files of five gigabytes: what hosts take as one upload, and what transformers writes. */
const SHARD_BYTES = 5e9;

/** Weights in formats which are not read here, and what belongs to them. */
const OTHER_WEIGHTS = /\.(bin|pt|pth|ckpt|pkl|safetensors|gguf|onnx|onnx_data|h5|msgpack|ot|tflite|npz)$|\.index\.json$/i;
const PICKLE = /\.(bin|pt|pth|ckpt|pkl)$/i;
/** What a model folder holds beside weights, in the spelling of transformers and of hosts. */
const KNOWN_FILE =
  /^(\.gitattributes|\.gitignore|README\.md|(LICENSE|NOTICE|USE_POLICY)(\.\w+)?|(merges|vocab)\.txt|training\.jsonl|.+\.(json|safetensors|jinja|model|tiktoken|py))$/;

/** True for a file of a model folder that is copied along byte for byte: tokenizer, generation config, chat template, licence … */
export function isCompanion(name: string, bytes: number): boolean {
  return !name.startsWith('.') && name !== CONFIG && name !== CARD && !OTHER_WEIGHTS.test(name) && bytes <= MAX_COMPANION_BYTES;
}

/**
 * Opens a Hugging Face folder: `config.json`, weights in one safetensors file or in shards with an index, companions. Packed 2:4 weights are shown as the
 * dense ones that they stand for.
 *
 * @throws {@link CheckpointError} `CHECKPOINT_MISSING`, `CHECKPOINT_CONFIG`, `CHECKPOINT_WEIGHTS_MISSING`, `CHECKPOINT_PICKLE`,
 * `CHECKPOINT_INDEX`, `CHECKPOINT_SHARD_MISSING`, `CHECKPOINT_NAME`, `CHECKPOINT_QUANTISED`, `CHECKPOINT_PACKED`, and what {@link openSafetensors} throws.
 */
export async function openFolder(folder: string): Promise<Checkpoint> {
  const names = await reading(folder, () => readdir(folder));
  const config = await readJson(join(folder, CONFIG), 'CHECKPOINT_CONFIG');
  const { files, owners } = await openWeights(folder, names);
  try {
    const companions = await findCompanions(folder, names);
    const tensors = new Map<string, TensorInfo>(
      files.flatMap((file) => [...file.tensors].map(([name, { shape, dtype }]) => [name, { name, shape, dtype }] as const)),
    );
    const checkpoint = densely({
      source: folder,
      config,
      tensors,
      companions,
      stream(name, from, to) {
        const owner = owners.get(name);
        if (!owner)
          throw new CheckpointError('CHECKPOINT_TENSOR_MISSING', {
            file: folder,
            found: `no tensor ${name} among ${tensors.size}`,
            expected: 'a tensor of this checkpoint',
          });
        return owner.stream(name, from, to);
      },
      close: () => closeAll(files),
    });
    refuseQuantised(checkpoint.config, checkpoint.tensors, folder);
    return checkpoint;
  } catch (error) {
    await closeAll(files);
    throw error;
  }
}

/** What {@link saveFolder} writes. */
export interface FolderContent {
  readonly config: Config;
  readonly tensors: Iterable<TensorSource>;
  readonly companions: ReadonlyMap<string, () => Promise<Uint8Array>>;
  /** The model card, Markdown: `README.md`. */
  readonly card?: string;
  /** Parameters of the model, where its tensors have other elements: packed ones. */
  readonly parameters?: number;
}

/** How a model folder is written. */
export interface SaveOptions {
  /** A new shard begins where one would grow beyond this; default 5e9. */
  readonly shardBytes?: number;
  /** Replace a model folder that is there already. */
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { bytes: number; totalBytes: number }) => void) | undefined;
  readonly check?: Check | undefined;
}

/** A model folder that was written. */
export interface SavedFolder {
  readonly folder: string;
  /** Parameters of the model: elements of all tensors, unless it was said otherwise. */
  readonly parameters: number;
  /** Bytes of all tensors. */
  readonly bytes: number;
  /** In the order in which they were written. */
  readonly files: readonly string[];
}

/**
 * Writes a Hugging Face folder that transformers loads: as a whole or not at all, one piece of a tensor in memory at a
 * time. The config's `torch_dtype` (and `dtype`, which newer versions write) names the dtype of most of the weights.
 *
 * @throws {@link UsageError} `OUTPUT_EXISTS`, `OUTPUT_FOREIGN`
 * @throws {@link OutputError} `OUTPUT_DISK_FULL`, `OUTPUT_READ_ONLY`, `OUTPUT_GONE`, `OUTPUT_FAILED`, `OUTPUT_SIZE`
 * @throws {@link CheckpointError} `CHECKPOINT_NAME`, `CHECKPOINT_HEADER`
 * @throws {@link InterruptedError} when the signal fires
 */
export async function saveFolder(folder: string, content: FolderContent, options: SaveOptions = {}): Promise<SavedFolder> {
  const tensors = [...content.tensors];
  const sizes = tensors.map((tensor) => elementCount(tensor.shape) * DTYPE_BYTES[tensor.dtype]);
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
  const parameters = content.parameters ?? tensors.reduce((sum, tensor) => sum + elementCount(tensor.shape), 0);
  const shards = splitShards(tensors, sizes, options.shardBytes ?? SHARD_BYTES);
  checkContent(folder, tensors, content.companions.keys());
  await checkDisk(folder, totalBytes);
  const files: string[] = [];
  let bytes = 0;
  await atomicFolder(folder, { force: options.force, objection: modelFolderObjection }, async (temporary) => {
    const put = async (name: string, data: Uint8Array | string): Promise<void> => {
      await writeStream(join(temporary, name), { signal: options.signal }, (write) => write(typeof data === 'string' ? new TextEncoder().encode(data) : data));
      files.push(name);
    };
    for (const [name, read] of content.companions) await put(name, await read());
    await put(CONFIG, json(withDtype(content.config, tensors)));
    if (content.card !== undefined) await put(CARD, content.card);
    if (shards.length > 1) await put(INDEX, json(shardIndex(shards, totalBytes, parameters)));
    for (const [name, shard] of shards) {
      const onBytes = (more: number): void => options.onProgress?.({ bytes: Math.min((bytes += more), totalBytes), totalBytes });
      await writeSafetensors(join(temporary, name), shard, { metadata: { format: 'pt' }, signal: options.signal, onBytes });
      files.push(name);
    }
    await options.check?.(temporary);
  });
  return { folder, parameters, bytes: totalBytes, files };
}

/**
 * Why a folder is not simply a model folder that may be replaced: no config, no weights, or something inside that no
 * model folder holds. Undefined when it is one.
 */
export async function modelFolderObjection(folder: string): Promise<string | undefined> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.map((entry) => entry.name);
  if (!names.includes(CONFIG) || !(names.includes(SINGLE) || names.includes(INDEX))) return 'a folder that is no model (no config.json with safetensors)';
  const foreign = entries.find((entry) => !entry.isFile() || !KNOWN_FILE.test(entry.name));
  return foreign === undefined ? undefined : `${foreign.isDirectory() ? 'the folder' : 'the file'} ${JSON.stringify(foreign.name)} beside a model`;
}

/**
 * Whether {@link saveFolder} may write there: what the end of hours of work would say is said at their beginning.
 *
 * @throws {@link UsageError} `OUTPUT_EXISTS`, `OUTPUT_FOREIGN`
 */
export function checkModelOutput(folder: string, { force }: Pick<SaveOptions, 'force'>): Promise<void> {
  return checkReplaceable(folder, { force, objection: modelFolderObjection });
}

async function openWeights(folder: string, names: readonly string[]): Promise<{ files: SafetensorsFile[]; owners: Map<string, SafetensorsFile> }> {
  // The order in which transformers looks: the single file counts when both are there.
  const index = names.includes(SINGLE) ? undefined : names.includes(INDEX) ? await readIndex(folder) : noWeights(folder, names);
  const shardNames = index ? [...new Set(index.values())] : [SINGLE];
  const missing = shardNames.filter((name) => !names.includes(name));
  if (missing.length > 0) {
    throw new CheckpointError('CHECKPOINT_SHARD_MISSING', {
      file: folder,
      found: `no ${missing[0]}${missing.length > 1 ? ` (and ${missing.length - 1} more missing)` : ''}`,
      expected: `the ${shardNames.length} files that ${INDEX} names`,
      remedy: 'Download the missing files.',
    });
  }
  const files: SafetensorsFile[] = [];
  try {
    const owners = new Map<string, SafetensorsFile>();
    for (const shard of shardNames) {
      const file = await openSafetensors(join(folder, shard));
      files.push(file);
      for (const name of file.tensors.keys()) {
        const said = index ? index.get(name) : shard;
        if (said !== shard)
          throw disagreement(folder, `${name} in ${shard}`, said === undefined ? `no ${name}, as the index says` : `it in ${said}, as the index says`);
        owners.set(name, file);
      }
    }
    const lost = [...(index?.entries() ?? [])].find(([name]) => !owners.has(name));
    if (lost) throw disagreement(folder, `no ${lost[0]} in ${lost[1]}`, 'it there, as the index says');
    return { files, owners };
  } catch (error) {
    await closeAll(files);
    throw error;
  }
}

/** Weight → shard, in the index's order. */
async function readIndex(folder: string): Promise<Map<string, string>> {
  const file = join(folder, INDEX);
  const { weight_map: map } = await readJson(file, 'CHECKPOINT_INDEX');
  if (!isJsonObject(map)) throw new CheckpointError('CHECKPOINT_INDEX', { file, found: 'no weight_map', expected: '{ "weight_map": { weight: shard } }' });
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== 'string')
      throw new CheckpointError('CHECKPOINT_INDEX', {
        file,
        found: `${shown(shard)} as the shard of ${name}`,
        expected: 'the name of a file',
      });
    checkFileName(shard, file);
    if (!shard.endsWith('.safetensors')) throw pickle(file, shard);
  }
  const shards = new Set(Object.values(map)).size;
  if (shards === 0 || shards > MAX_SHARDS)
    throw new CheckpointError('CHECKPOINT_INDEX', { file, found: `${shards} shards`, expected: `1 to ${MAX_SHARDS}`, remedy: 'Write it with larger shards.' });
  return new Map(Object.entries(map as Record<string, string>));
}

function noWeights(folder: string, names: readonly string[]): never {
  const other = names.find((name) => PICKLE.test(name) && name !== 'training_args.bin') ?? names.find((name) => OTHER_WEIGHTS.test(name));
  if (other !== undefined && PICKLE.test(other)) throw pickle(folder, other);
  throw new CheckpointError('CHECKPOINT_WEIGHTS_MISSING', {
    file: folder,
    found: other === undefined ? 'no weights' : `no ${SINGLE}, only ${other}`,
    expected: `${SINGLE}, or ${INDEX} with its shards`,
    remedy: other?.endsWith('.gguf') ? `Give the file itself: ${join(folder, other)}` : 'Download the safetensors files too.',
  });
}

function pickle(file: string, name: string): CheckpointError {
  return new CheckpointError('CHECKPOINT_PICKLE', {
    file,
    found: `weights in ${name}`,
    expected: 'safetensors',
    remedy: 'Such files run code when they are read, so chop does not. Save the model as safetensors once, with transformers: model.save_pretrained(folder).',
  });
}

function disagreement(file: string, found: string, expected: string): CheckpointError {
  return new CheckpointError('CHECKPOINT_INDEX', { file, found, expected, remedy: `${INDEX} and the shards are not of one model: download them again.` });
}

async function findCompanions(folder: string, names: readonly string[]): Promise<Map<string, () => Promise<Uint8Array>>> {
  const companions = new Map<string, () => Promise<Uint8Array>>();
  for (const name of [...names].sort()) {
    const path = join(folder, name);
    // Links are followed: the cache of downloaded models consists of them. One that leads nowhere is no companion.
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() && isCompanion(name, found.size)) companions.set(name, () => reading(path, () => readFile(path)));
  }
  return companions;
}

async function readJson(file: string, code: string): Promise<Record<string, unknown>> {
  const { size } = await reading(file, () => stat(file));
  if (size > MAX_JSON_BYTES)
    throw new CheckpointError(code, { file, found: `${size} bytes`, expected: `at most ${MAX_JSON_BYTES}`, remedy: 'Download the file again.' });
  const value = parseStrictJson(await reading(file, () => readFile(file, 'utf8')), file, basename(file));
  if (!isJsonObject(value)) throw new CheckpointError(code, { file, found: 'no JSON object', expected: 'a JSON object', remedy: 'Download the file again.' });
  return value;
}

function checkContent(folder: string, tensors: readonly TensorInfo[], companions: Iterable<string>): void {
  const names = new Set<string>();
  for (const { name } of tensors) {
    if (names.has(name))
      throw new CheckpointError('CHECKPOINT_NAME', { file: folder, found: `two tensors named ${name} to write`, expected: 'every name once' });
    names.add(name);
  }
  for (const name of companions) {
    checkFileName(name, folder);
    if (!isCompanion(name, 0))
      throw new CheckpointError('CHECKPOINT_NAME', {
        file: folder,
        found: `a companion named ${name}`,
        expected: 'a name that is not taken by the model itself',
      });
  }
}

function splitShards(tensors: readonly TensorSource[], sizes: readonly number[], limit: number): [name: string, tensors: TensorSource[]][] {
  const shards: TensorSource[][] = [[]];
  let filled = 0;
  tensors.forEach((tensor, i) => {
    if (filled > 0 && filled + sizes[i]! > limit) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)!.push(tensor);
    filled += sizes[i]!;
  });
  const number = (n: number): string => String(n).padStart(5, '0');
  return shards.map((shard, i) => [shards.length === 1 ? SINGLE : `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`, shard]);
}

function shardIndex(shards: readonly [string, readonly TensorSource[]][], totalBytes: number, parameters: number): unknown {
  return {
    metadata: { total_parameters: parameters, total_size: totalBytes },
    weight_map: Object.fromEntries(shards.flatMap(([file, tensors]) => tensors.map(({ name }) => [name, file]))),
  };
}

/** PyTorch's names, as configs have them. */
const TORCH_DTYPE: Partial<Record<Dtype, string>> = { F64: 'float64', F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

function withDtype(config: Config, tensors: readonly TensorInfo[]): Config {
  const elements = new Map<string, number>();
  for (const { dtype, shape } of tensors) {
    const name = TORCH_DTYPE[dtype];
    if (name !== undefined) elements.set(name, (elements.get(name) ?? 0) + elementCount(shape));
  }
  const [most] = [...elements].sort((a, b) => b[1] - a[1]);
  if (most === undefined) return config;
  return 'dtype' in config ? { ...config, ...('torch_dtype' in config ? { torch_dtype: most[0] } : {}), dtype: most[0] } : { ...config, torch_dtype: most[0] };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

async function closeAll(files: readonly SafetensorsFile[]): Promise<void> {
  await Promise.all(files.map((file) => file.close()));
}
