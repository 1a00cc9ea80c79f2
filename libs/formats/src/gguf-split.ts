import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CheckpointError } from '@chop/core';
import type { GgufHeader } from './gguf-header.js';

/** llama.cpp's own parts are numbered with five digits. */
const PART = /^(.*)-(\d{5})-of-(\d{5})(\.gguf)$/i;

/**
 * The other parts of a model that was split, in order; none for a model in one file.
 *
 * @throws {@link CheckpointError} `CHECKPOINT_SPLIT` when the file is not the first part or its name does not tell its siblings' names;
 * `CHECKPOINT_SHARD_MISSING` names the parts that are not there.
 */
export async function otherParts(file: string, { metadata }: GgufHeader): Promise<string[]> {
  const count = metadata.get('split.count');
  if (typeof count !== 'number' || count <= 1) return [];
  const [, stem, , total, end] = PART.exec(basename(file)) ?? [];
  const name = (number: number): string => join(dirname(file), `${stem}-${String(number).padStart(5, '0')}-of-${total}${end}`);
  if (stem === undefined || Number(total) !== count)
    throw new CheckpointError('CHECKPOINT_SPLIT', {
      file,
      found: `one of ${count} parts of a model under another name`,
      expected: `a name that ends with -00001-of-${String(count).padStart(5, '0')}.gguf, the other parts beside it`,
      remedy: 'Give the parts their names back, or join them with llama.cpp: llama-gguf-split --merge FIRST-PART OUT.gguf',
    });
  if (metadata.get('split.no') !== 0)
    throw new CheckpointError('CHECKPOINT_SPLIT', {
      file,
      found: `part ${Number(metadata.get('split.no')) + 1} of ${count}`,
      expected: 'the first part: the others are found beside it',
      remedy: `Give ${name(1)}.`,
    });
  const others = Array.from({ length: count - 1 }, (_, i) => name(i + 2));
  const there = new Set(await readdir(dirname(file)));
  const missing = others.filter((other) => !there.has(basename(other)));
  if (missing.length === 0) return others;
  throw new CheckpointError('CHECKPOINT_SHARD_MISSING', {
    file,
    found: `no ${missing.map((other) => basename(other)).join(', ')}`,
    expected: `${count} parts in one folder`,
    remedy: 'Download what is missing into the folder of the first part.',
  });
}

/** @throws {@link CheckpointError} `CHECKPOINT_SPLIT` when parts are of different models, or some tensors are in none of them. */
export function checkParts(first: GgufHeader, parts: readonly { readonly file: string; readonly header: GgufHeader }[], file: string): void {
  const count = first.metadata.get('split.count');
  const told = (found: string, expected: string, where = file): CheckpointError =>
    new CheckpointError('CHECKPOINT_SPLIT', { file: where, found, expected, remedy: 'Download all parts of the same model again.' });
  parts.forEach(({ header, file: part }, number) => {
    const own = header.metadata.get('split.no');
    if (own !== number || header.metadata.get('split.count') !== count)
      throw told(`part ${Number(own ?? NaN) + 1} of ${String(header.metadata.get('split.count'))}`, `part ${number + 1} of ${String(count)}`, part);
  });
  const names = new Set<string>();
  for (const { header, file: part } of parts)
    for (const { name } of header.tensors) {
      if (names.has(name)) throw told(`${name}, which another part has`, 'every tensor once', part);
      names.add(name);
    }
  const total = first.metadata.get('split.tensors.count');
  if (typeof total === 'number' && total !== names.size) throw told(`${names.size} tensors in all parts`, `${total}`);
}
