import { createHash } from 'node:crypto';
import { byteLength, type Checkpoint } from '@chop/core';

/** Bytes of each tensor that are looked at: one page of a disk, which training changes somewhere in every matrix. */
const SAMPLE_BYTES = 4096;
/** Keys of a config that tell of files and programs and not of the model. */
const NOT_OF_THE_MODEL = ['_name_or_path', 'transformers_version', 'torch_dtype', 'dtype', 'gguf'];

/**
 * Tells one model from another of the same sizes: SHA-256 over config, names, shapes, dtypes and the first bytes of every tensor, whatever
 * the model is called and wherever it lies. Reads kilobytes a tensor, so that it takes a moment for any size of model.
 *
 * @param bytesEach - of every tensor; `Infinity` reads all of the model, and tells it from one in which a single value differs.
 */
export async function fingerprintOf(checkpoint: Pick<Checkpoint, 'config' | 'tensors' | 'stream'>, bytesEach = SAMPLE_BYTES): Promise<string> {
  const hash = createHash('sha256');
  const config = Object.entries(checkpoint.config).filter(([key]) => !NOT_OF_THE_MODEL.includes(key));
  hash.update(JSON.stringify(config.sort(byName)));
  for (const [name, info] of [...checkpoint.tensors].sort(byName)) {
    hash.update(JSON.stringify([name, info.shape, info.dtype]));
    for await (const piece of checkpoint.stream(name, 0, Math.min(bytesEach, byteLength(info)))) hash.update(piece);
  }
  return `sha256:${hash.digest('hex')}`;
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
