import { type Model, throwIfAborted } from '@chop/core';
import { projection, reshape, tokenLogProbabilities } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { BranchCache } from './branch-cache.js';
import { type PlannedBatch, type PlannedGroup, planPasses, PASS_TOKENS, type TokenRequest } from './pass-plan.js';

/** What a request scores. */
export interface Score {
  /** Sum over the targets, in nats. */
  readonly logLikelihood: number;
  /** Whether every target is the likeliest token; told where it was asked. */
  readonly greedy?: boolean;
}

/** How requests are scored. */
export interface ScoreOptions {
  /** Tokens that go through the model at once, about. It changes no score. */
  readonly passTokens?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  /** Hears every score as soon as it is there, in any order. */
  readonly onScore?: (request: number, score: Score) => void;
}

/** A token that is likelier than all others together is the likeliest. */
const SURE = Math.log(0.5);

/**
 * Log-likelihoods of all requests, in their order. A score depends on its request and the model alone, not on what is computed beside it: to the last
 * bit where the native kernels run.
 */
export async function scoreTokens(model: Model, requests: readonly TokenRequest[], options: ScoreOptions = {}): Promise<Score[]> {
  const { passTokens = PASS_TOKENS, signal, onProgress, onScore } = options;
  const scores: Score[] = [];
  let done = 0;
  for (const group of planPasses(requests, passTokens)) {
    throwIfAborted(signal);
    for await (const [request, score] of scoreGroup(model, group, requests, signal)) {
      scores[request] = score;
      onScore?.(request, score);
      done++;
    }
    onProgress?.(done, requests.length);
  }
  return scores;
}

async function* scoreGroup(
  model: Model,
  { beginnings, batches }: PlannedGroup,
  requests: readonly TokenRequest[],
  signal: AbortSignal | undefined,
): AsyncGenerator<[number, Score]> {
  const cache = beginnings.length > 0 ? new BranchCache() : undefined;
  try {
    if (cache) {
      const recorder = cache.recorder();
      tf.tidy(() => void model.predict(padded(beginnings), { cache: recorder, wanted: { from: beginnings[0]!.length - 1, to: beginnings[0]!.length } }));
      recorder.dispose();
    }
    for (const batch of batches) {
      throwIfAborted(signal);
      yield* scoreBatch(model, batch, requests, cache);
    }
  } finally {
    cache?.dispose();
  }
}

async function* scoreBatch(
  model: Model,
  batch: PlannedBatch,
  requests: readonly TokenRequest[],
  branch: BranchCache | undefined,
): AsyncGenerator<[number, Score]> {
  const length = batch[0]!.ids.length;
  const readings = batch.flatMap(({ readings: own }, row) => own.map(({ request, from }) => ({ request, at: row * length + from, ...requests[request]! })));
  const places = readings.flatMap(({ at, targets }) => targets.map((_, i) => at + i));
  const targets = readings.flatMap(({ targets: own }) => own);
  const cache = branch?.branches(batch.map(({ beginning }) => beginning));
  const [hidden, values, weight] = tf.tidy(() => {
    const predicted = model.predict(padded(batch.map(({ ids }) => ids)), cache ? { cache } : {});
    const rows = reshape(predicted.hidden, [-1, predicted.hidden.shape.at(-1)!]);
    const wanted = tf.gather(rows, tf.tensor1d(Int32Array.from(places), 'int32'));
    return [wanted, tokenLogProbabilities(projection(wanted, predicted.weight), tf.tensor1d(Int32Array.from(targets), 'int32')), predicted.weight] as const;
  });
  cache?.dispose();
  try {
    const each = (await values.data()) as Float32Array;
    let first = 0;
    const parts = readings.map(({ request, targets: own, greedy }) => {
      const from = first;
      first += own.length;
      return { request, from, to: first, greedy };
    });
    const likeliest = await likeliestOf(
      parts.filter(({ greedy }) => greedy),
      { each, targets, hidden, weight },
    );
    for (const { request, from, to, greedy } of parts) {
      const logLikelihood = each.subarray(from, to).reduce((sum, value) => sum + value, 0);
      yield [request, { logLikelihood, ...(greedy ? { greedy: likeliest.has(request) } : {}) }];
    }
  } finally {
    tf.dispose([hidden, values]);
  }
}

/**
 * The requests whose targets are all the likeliest tokens. Most have a target that is far from it: the least likely is looked at first, and all logits
 * are computed for such rows only.
 */
async function likeliestOf(
  parts: readonly { readonly request: number; readonly from: number; readonly to: number }[],
  { each, targets, hidden, weight }: { each: Float32Array; targets: readonly number[]; hidden: tf.Tensor; weight: tf.Tensor },
): Promise<Set<number>> {
  const found = new Set(parts.map(({ request }) => request));
  let open = parts.map(({ request, from, to }) => ({
    request,
    rows: Array.from({ length: to - from }, (_, i) => from + i)
      .filter((row) => each[row]! <= SURE)
      .sort((a, b) => each[a]! - each[b]!),
  }));
  for (let depth = 0; (open = open.filter(({ request, rows }) => found.has(request) && depth < rows.length)).length > 0; depth++) {
    const rows = open.map((one) => one.rows[depth]!);
    const best = tf.tidy(() => tf.argMax(projection(tf.gather(hidden, tf.tensor1d(Int32Array.from(rows), 'int32')), weight).logits(), -1));
    const ids = await best.data();
    best.dispose();
    open.forEach(({ request }, i) => void (ids[i] !== targets[rows[i]!] && found.delete(request)));
  }
  return found;
}

/** int32 `[rows, tokens]`: no row sees what is behind its end. */
function padded(rows: readonly (readonly number[])[]): tf.Tensor2D {
  const length = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const ids = new Int32Array(rows.length * length);
  rows.forEach((row, at) => ids.set(row, at * length));
  return tf.tensor2d(ids, [rows.length, length], 'int32');
}
