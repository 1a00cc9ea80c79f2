import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Checkpoint, Config, Family } from '@chop/core';
import * as models from '../src/index.js';

/** All families that the package exports. */
export const FAMILIES: readonly Family[] = Object.values(models).flatMap((each) => ('family' in each ? [each.family] : []));
export const FOLDER = join(dirname(fileURLToPath(import.meta.url)), 'reference');

type Tensors = ReadonlyMap<string, { readonly shape: number[]; readonly bytes: Uint8Array }>;

/** A small safetensors file: header length, JSON header, data. */
function tensorsOf(name: string): Tensors {
  const file = readFileSync(join(FOLDER, `${name}.safetensors`));
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, start)) as Record<string, { shape: number[]; data_offsets: [number, number] }>;
  return new Map(
    Object.entries(header).flatMap(([key, { shape, data_offsets: offsets }]) =>
      key === '__metadata__' ? [] : [[key, { shape, bytes: Uint8Array.from(file.subarray(start + offsets[0], start + offsets[1])) }]],
    ),
  );
}

/** A reference as Python stored it: its weights are the tensors whose names begin with `prefix`. */
export function stored(name: string, prefix = 'model/'): { checkpoint: Checkpoint; tensors: Tensors } {
  const told = JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as { config?: Config; metadata?: Config };
  const tensors = tensorsOf(name);
  const weights = [...tensors].flatMap(([key, { shape }]) =>
    key.startsWith(prefix) ? [{ name: key.slice(prefix.length), shape, dtype: 'F32' as const }] : [],
  );
  const checkpoint: Checkpoint = {
    source: name,
    config: told.config ?? { gguf: told.metadata },
    tensors: new Map(weights.map((info) => [info.name, info])),
    companions: new Map(),
    async *stream(key, from, to) {
      yield tensors.get(prefix + key)!.bytes.subarray(from, to);
    },
    async close() {},
  };
  return { checkpoint, tensors };
}

/** The family that a config names. */
export function familyNamed({ architectures }: Config): Family {
  return FAMILIES.find((family) => family.architectures.includes((architectures as string[])[0]!))!;
}
