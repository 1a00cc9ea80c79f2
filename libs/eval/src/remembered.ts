import type { Model } from '@chop/core';
import type { AnswerStore } from './answer-store.js';
import type { TokenRequest } from './pass-plan.js';
import { type Score, type ScoreOptions, scoreTokens } from './score.js';

/** The scores of all requests, in their order, and how many of them were there before. */
export interface Remembered {
  readonly scores: readonly Score[];
  readonly known: number;
}

/** As {@link scoreTokens}: what a store has is not computed again, and what is computed is in the store as soon as it is there. */
export async function scoreRemembered(
  model: Model,
  requests: readonly TokenRequest[],
  store: AnswerStore | undefined,
  options: ScoreOptions,
): Promise<Remembered> {
  const { onProgress } = options;
  const scores = requests.map((request) => store?.score(request));
  const open = requests.flatMap((_, at) => (scores[at] === undefined ? [at] : []));
  const known = requests.length - open.length;
  if (known > 0) onProgress?.(known, requests.length);
  const fresh = await scoreTokens(
    model,
    open.map((at) => requests[at]!),
    {
      ...options,
      onProgress: (done) => onProgress?.(known + done, requests.length),
      onScore: (request, score) => store?.keepScore(requests[open[request]!]!, score),
    },
  );
  open.forEach((at, index) => (scores[at] = fresh[index]));
  return { scores: scores as Score[], known };
}
