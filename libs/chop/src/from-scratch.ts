import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Checkpoint, type Config, familyOf, type Parts, UsageError } from '@chop/core';
import { openCheckpoint } from '@chop/formats';
import { EMBEDDED_MODEL } from './embedded.js';
import { OpenModel } from './opened.js';
import type { FromScratch } from './verbs.js';

/** A model of the shape of a config.json, whose weights are still to be drawn. */
export async function fromScratch(parts: Parts, { fromScratch: file, tokenizer }: FromScratch): Promise<OpenModel> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) =>
    Promise.reject(new UsageError('CONFIG_MISSING', { file, found: 'no readable file', expected: 'a config.json', cause })),
  );
  let config: Config;
  try {
    config = JSON.parse(text) as Config;
  } catch (cause) {
    throw new UsageError('CONFIG_MISSING', { file, found: 'text that is no JSON', expected: 'a config.json', cause });
  }
  const family = familyOf(parts, config, file);
  const blueprint = family.blueprint(config);
  const folder = tokenizer === undefined ? dirname(file) : tokenizer === 'embedded' ? EMBEDDED_MODEL : tokenizer;
  const companions = await companionsOf(folder);
  const tensors = new Map([...blueprint.weights.values()].map(({ name, shape }) => [name, { name, shape, dtype: 'F32' as const }]));
  const nothing: Checkpoint['stream'] = () => {
    throw new UsageError('CHECKPOINT_EMPTY', { file, found: 'a model without weights', expected: 'training first' });
  };
  return new OpenModel({
    checkpoint: { source: file, config, tensors, companions, stream: nothing, close: async () => {} },
    family,
    blueprint,
  });
}

/** Tokenizer files of a folder that may have no weights. */
async function companionsOf(folder: string): Promise<Checkpoint['companions']> {
  const names = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'generation_config.json', 'chat_template.jinja'];
  const found = await Promise.all(
    names.map(async (name) => ((await stat(join(folder, name)).catch(() => undefined)) ? [[name, async () => readFile(join(folder, name))] as const] : [])),
  );
  if (found.flat().length > 0) return new Map(found.flat());
  return (await openCheckpoint(folder)).companions;
}
