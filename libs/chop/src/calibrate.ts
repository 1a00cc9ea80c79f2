import { UsageError } from '@chop/core';
import { openDocuments, tokenise, type TokenTable, type Tokenizer } from '@chop/data';
import { dataWord } from './embedded.js';
import { hubData } from './hub-data.js';
import type { Calibration } from './verbs.js';
import type { Common } from './request.js';

/** Calibration windows when nothing is said: as many and as long as Wanda's paper has, at most. */
export const CALIBRATION_SAMPLES = 128;
export const CALIBRATION_WINDOW = 512;

/** Tokenises text once, whoever asks. */
export async function readText(
  words: readonly string[],
  tokenizer: Tokenizer,
  options: { join?: string | undefined; chat?: boolean; maxTokens?: number } & Pick<Common, 'signal' | 'onProgress'>,
): Promise<TokenTable> {
  const { join, chat = false, maxTokens, signal, onProgress } = options;
  return tokenise(openDocuments(words.map(dataWord), { chat, hub: hubData(pick(options)) }), tokenizer, {
    ...(join === undefined ? {} : { join }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(signal ? { signal } : {}),
    onProgress: (tokens) => onProgress?.({ phase: 'tokenise', done: tokens }),
  });
}

/** The first windows of the calibration text, read when a method asks for them. */
export function calibrationWindows(
  calibration: Calibration | undefined,
  tokenizer: () => Promise<Tokenizer>,
  common: Common,
): (() => Promise<Int32Array[]>) | undefined {
  const { data, samples = CALIBRATION_SAMPLES, window = CALIBRATION_WINDOW, join } = calibration ?? {};
  if (!data || data.length === 0) return undefined;
  if (samples < 1 || window < 1) throw new UsageError('OPTION_VALUE', { found: `${samples} samples of ${window} tokens`, expected: 'at least one of each' });
  return async () => {
    const { ids } = await readText(data, await tokenizer(), { join, maxTokens: samples * window, ...pick(common) });
    return Array.from({ length: Math.min(samples, Math.floor(ids.length / window)) }, (_, i) => ids.slice(i * window, (i + 1) * window));
  };
}

function pick({ signal, onProgress }: Common): Pick<Common, 'signal' | 'onProgress'> {
  return { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) };
}
