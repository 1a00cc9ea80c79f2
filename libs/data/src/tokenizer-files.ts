import { DataError, type Checkpoint } from '@chop/core';
import type { Json } from './package-tokenizer.js';

/** Hugging Face's tokenizer files, parsed. */
export interface TokenizerFiles {
  readonly tokenizer: Json;
  readonly config: Json;
  readonly specialTokens: Json;
  readonly generation: Json;
  readonly chatTemplate: string | undefined;
}

/** @throws {@link DataError} `TOKENIZER_MISSING` without a tokenizer.json, `TOKENIZER_BROKEN` when a file is no JSON. */
export async function readTokenizerFiles({ companions, source }: Pick<Checkpoint, 'companions' | 'source'>): Promise<TokenizerFiles> {
  const text = async (name: string) => {
    const read = companions.get(name);
    return read && new TextDecoder().decode(await read());
  };
  const json = async (name: string) => {
    const content = await text(name);
    return content === undefined ? undefined : parse(content, `${source}/${name}`);
  };
  const tokenizer = await json('tokenizer.json');
  if (tokenizer === undefined) {
    throw new DataError('TOKENIZER_MISSING', {
      file: source,
      found: companions.size === 0 ? 'no files beside the weights' : `only ${[...companions.keys()].join(', ')}`,
      expected: 'tokenizer.json',
      remedy: "Put the model's tokenizer.json into the folder; older formats (vocab.json, tokenizer.model) are converted by transformers' save_pretrained.",
    });
  }
  return {
    tokenizer,
    config: (await json('tokenizer_config.json')) ?? {},
    specialTokens: (await json('special_tokens_map.json')) ?? {},
    generation: (await json('generation_config.json')) ?? {},
    chatTemplate: await text('chat_template.jinja'),
  };
}

function parse(content: string, file: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw new DataError('TOKENIZER_BROKEN', {
      file,
      found: `broken JSON (${cause instanceof Error ? cause.message : String(cause)})`,
      expected: 'a JSON object',
      remedy: 'Copy the file from the model again.',
      cause,
    });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw new DataError('TOKENIZER_BROKEN', { file, found: 'JSON that is no object', expected: 'a JSON object', remedy: 'Copy the file from the model again.' });
}
