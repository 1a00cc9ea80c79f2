import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '@chop/core';
import { type Batch, openDocuments, type PlaceKeeper, StreamedWindows, type TextPlaces, type Tokenizer, Windows } from '@chop/data';
import { atomicFile } from '@chop/formats';
import type { TrainOptions } from '@chop/training';
import { readText } from './calibrate.js';
import { dataWord } from './embedded.js';
import { hubData } from './hub-data.js';
import type { Common } from './request.js';

/** Beside the snapshots of a run: what it knows of its text. */
const PLACES = 'text.json';

/** The text of a run, batch after batch. */
export interface TrainingText {
  batch(index: number): Batch | Promise<Batch>;
  /** Reads on to where a run begins or goes on. */
  begin(batch: number, folder?: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * The text of a run: all of it in memory, or with `shuffleBuffer` as a stream.
 * @throws {@link UsageError} `OPTION_CONFLICT` for documents joined by a text, which are tokenised as one; what `openDocuments` and `Windows` throw.
 */
export async function trainingText(
  data: readonly string[],
  tokenizer: Tokenizer,
  options: TrainOptions,
  common: Pick<Common, 'signal' | 'onProgress'>,
): Promise<TrainingText> {
  const { join: between, chat, shuffleBuffer } = options;
  if (shuffleBuffer === undefined) {
    const windows = new Windows(await readText(data, tokenizer, { join: between, chat, ...common }), options);
    return { batch: (index) => windows.batch(index), begin: () => Promise.resolve(), close: () => Promise.resolve() };
  }
  if (between !== undefined)
    throw new UsageError('OPTION_CONFLICT', {
      found: 'shuffleBuffer and join',
      expected: 'one of them: documents joined by a text are tokenised as one text, which must be in memory',
      remedy: 'Leave out --join (an end-of-text token then stands between documents) or --shuffle-buffer.',
    });
  const documents = () => openDocuments(data.map(dataWord), { chat, hub: hubData(common) });
  const windows = new StreamedWindows(documents, tokenizer, { ...options, shuffleBuffer });
  await windows.ready(0, { signal: common.signal });
  return {
    batch: (index) => windows.batch(index),
    begin: (index, folder) => windows.ready(index, { signal: common.signal, ...(folder === undefined ? {} : { keeper: placesIn(folder) }) }),
    close: () => windows.close(),
  };
}

function placesIn(folder: string): PlaceKeeper {
  const file = join(folder, PLACES);
  return {
    async read() {
      const text = await readFile(file, 'utf8').catch(() => undefined);
      return text === undefined ? undefined : (JSON.parse(text) as TextPlaces);
    },
    write: (places) => atomicFile(file, JSON.stringify(places)),
  };
}
