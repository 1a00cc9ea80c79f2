import { join } from 'node:path';
import type { Model } from '@chop/core';
import { AnswerStore, probeOf } from '@chop/eval';
import { fingerprintOf } from '@chop/formats';
import { cacheFolder, type Engine, kernelSources } from '@chop/kernels';
import type { OpenModel } from './opened.js';
import type { Cached, Common } from './request.js';

/** Where in the user's cache folder answers are kept. */
const FOLDER = 'answers';

/** Asks with the answers that the model has given in earlier runs, where the request wants that. A cache that cannot be used is told, and does no harm. */
export async function withAnswers<T>(
  { opened, model, engine }: { opened: OpenModel; model: Model; engine: Engine },
  { cache = false, onMessage }: Cached & Common,
  ask: (store?: AnswerStore) => Promise<T>,
): Promise<T> {
  if (!cache) return ask();
  const folder = join(cacheFolder(), FOLDER);
  const identity = { weights: await fingerprintOf(opened.checkpoint, Infinity), engine: await engineWords(engine), probe: await probeOf(model) };
  let store: AnswerStore;
  try {
    store = AnswerStore.open(folder, identity);
  } catch (error) {
    onMessage?.(`answers are not kept: ${(error as Error).message}. Let CHOP_HOME name a folder that can be written, or give --no-cache.`);
    return ask();
  }
  try {
    return await ask(store);
  } finally {
    store.close();
  }
}

/** All of an engine that may change a bit. Where products are not chop's own, sums may be split among threads. */
async function engineWords({ name, version, device, threads, native }: Engine): Promise<string> {
  const kernels = native ? `kernels ${(await kernelSources(device === 'cuda' ? 'cuda' : 'cpu')).hash}, ${native.level}` : `${threads} threads`;
  return `${name} (${version}) on ${device}, ${kernels}`;
}
