import type { HubData } from '@chop/data';
import { type HubOptions, openHubData } from '@chop/formats';
import type { Common } from './request.js';

/** A request's signal and progress as those who download take them. */
export function hubOptions({ signal, onProgress }: Pick<Common, 'signal' | 'onProgress'>): HubOptions {
  return { signal, onProgress: ({ file, bytes, totalBytes }) => onProgress?.({ phase: `download ${file}`, done: bytes, total: totalBytes }) };
}

/** Brings data sets of the hub for a request. */
export function hubData(common: Pick<Common, 'signal' | 'onProgress'>): HubData {
  return (name) => openHubData(name, hubOptions(common));
}
