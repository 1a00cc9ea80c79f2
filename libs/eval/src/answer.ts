import { ChopError, type Model, type TextCodec, throwIfAborted } from '@chop/core';
import { generate } from '@chop/models';
import type { AnswerStore, WrittenRequest } from './answer-store.js';
import type { Answer } from './metrics.js';
import type { TokenRequest } from './pass-plan.js';
import { scoreRemembered } from './remembered.js';
import { RequestEncoder } from './request-tokens.js';
import type { Example, TaskRequest } from './task.js';

/** An example, and whether greedy answers to it count. */
export interface Asked {
  readonly example: Example;
  readonly greedy: boolean;
}

/** How questions are put to a model. */
export interface AnswerOptions {
  readonly tokenizer: TextCodec;
  /** Tokens that the model sees at most; by default what its config says. */
  readonly maxLength?: number;
  readonly bos?: boolean;
  readonly passTokens?: number;
  /** Answers that are there already, and where new ones are kept. */
  readonly store?: AnswerStore;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What a model answered to the requests of one example, in their order. */
export interface Answers {
  readonly answers: readonly Answer[];
  /** Requests whose context lost its beginning. */
  readonly truncated: number;
  /** Ids of the first tokens that the model read for the first request. */
  readonly firstTokens: readonly number[];
}

/** The answers to all examples, in their order. */
export interface AllAnswers {
  readonly answers: readonly Answers[];
  /** Scores and texts that make them. */
  readonly asked: number;
  /** How many of those came out of the store. */
  readonly known: number;
}

/** Tokens told of an example's first request: enough to see what stands before the text. */
const FIRST_TOKENS = 8;
/** Where a config does not say how long texts may be, lm-eval's guess. */
const DEFAULT_LENGTH = 2048;

/** Which tokens a request of an example became: one part for a score, one per window of a whole text. */
interface Part {
  readonly example: number;
  readonly request: number;
  readonly kind: TaskRequest['kind'];
  readonly token: TokenRequest;
}

/** Asks a model all requests of all examples at once, so that they share passes; answers come in the order of the examples. */
export async function answerAll(model: Model, asked: readonly Asked[], options: AnswerOptions): Promise<AllAnswers> {
  const { tokenizer, store, signal, onProgress } = options;
  const maxLength = options.maxLength ?? contextOf(model);
  const encoder = new RequestEncoder({ tokenizer, maxLength, ...(options.bos === undefined ? {} : { bos: options.bos }) });
  const { parts, truncated } = encodeAll(encoder, asked);
  const generations = asked.flatMap(({ example }, index) =>
    example.requests.flatMap((request, at) => (request.kind === 'generate' ? [{ index, at, request }] : [])),
  );
  const total = parts.length + generations.length;
  const scored = await scoreRemembered(
    model,
    parts.map(({ token }) => token),
    store,
    {
      ...(options.passTokens === undefined ? {} : { passTokens: options.passTokens }),
      ...(signal ? { signal } : {}),
      onProgress: (done) => onProgress?.(done, total),
    },
  );
  const answers = asked.map((): Answer[] => []);
  const first = asked.map((): readonly number[] => []);
  parts.forEach(({ example, request, kind, token }, at) => {
    const own = answers[example]!;
    const { logLikelihood, greedy } = scored.scores[at]!;
    own[request] = kind === 'rolling' ? ((own[request] as number | undefined) ?? 0) + logLikelihood : [logLikelihood, greedy ?? false];
    if (first[example]!.length === 0) first[example] = token.input.slice(0, FIRST_TOKENS);
  });
  // A text without a token is certain.
  asked.forEach(({ example }, index) => example.requests.forEach(({ kind }, at) => void (kind === 'rolling' && (answers[index]![at] ??= 0))));
  let { known } = scored;
  const stopIds = tokenizer.stopIds ?? (tokenizer.eosId === undefined ? [] : [tokenizer.eosId]);
  for (const [done, { index, at, request }] of generations.entries()) {
    throwIfAborted(signal);
    const context = encoder.context(request.context);
    const ids = (context.length === 0 ? [encoder.prefixId] : context).slice(-Math.max(1, maxLength - request.maxTokens));
    if (ids.length < context.length) truncated[index]!++;
    if (first[index]!.length === 0) first[index] = ids.slice(0, FIRST_TOKENS);
    const wanted = { ...request, ids, stopIds };
    const before = store?.text(wanted);
    if (before !== undefined) known++;
    const text = before ?? (await continued(model, tokenizer, wanted, signal));
    if (before === undefined) store?.keepText(wanted, text);
    answers[index]![at] = text;
    onProgress?.(parts.length + done + 1, total);
  }
  return {
    answers: asked.map((_, index) => ({ answers: answers[index]!, truncated: truncated[index]!, firstTokens: first[index]! })),
    asked: total,
    known,
  };
}

/** Tokens that a model can see, by its config. */
export function contextOf({ config }: Model): number {
  return Number(config['n_positions'] ?? config['max_position_embeddings'] ?? config['n_ctx'] ?? DEFAULT_LENGTH);
}

function encodeAll(encoder: RequestEncoder, asked: readonly Asked[]): { parts: Part[]; truncated: number[] } {
  const parts: Part[] = [];
  const truncated = asked.map(() => 0);
  asked.forEach(({ example: own, greedy }, example) => {
    own.requests.forEach((asking, request) => {
      if (asking.kind === 'generate') return;
      const pairs = asking.kind === 'rolling' ? encoder.windows(asking.text) : [ofExample(own, () => encoder.pair(asking.context, asking.continuation))];
      for (const { input, targets, truncated: lost } of pairs) {
        if (lost > 0) truncated[example]!++;
        const apart = asking.kind === 'rolling' || asking.alone === true;
        parts.push({ example, request, kind: asking.kind, token: { input, targets, greedy: greedy && !apart } });
      }
    });
  });
  return { parts, truncated };
}

/** What cannot be asked is told with the example that asks it. */
function ofExample<T>({ place, id }: Example, encode: () => T): T {
  try {
    return encode();
  } catch (error) {
    throw error instanceof ChopError ? error.with({ ...place, doc_id: id }) : error;
  }
}

/** Goes on until one of the texts that end an answer, or an end-of-text token; neither is part of it. */
async function continued(
  model: Model,
  tokenizer: TextCodec,
  { ids: context, stopIds, until, maxTokens, temperature }: WrittenRequest,
  signal: AbortSignal | undefined,
): Promise<string> {
  const ends = until.filter((text) => text !== '');
  const ids: number[] = [];
  let text = '';
  const options = { maxTokens, temperature, stopIds, ...(signal ? { signal } : {}) };
  for await (const id of generate(model, context, options)) {
    ids.push(id);
    text = tokenizer.decode(ids);
    if (ends.some((end) => text.includes(end))) break;
  }
  return ends.reduce((rest, end) => rest.split(end)[0]!, text);
}
