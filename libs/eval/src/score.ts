import { checkTokenIds, type Model, OpenTree, throwIfAborted } from '@chop/core';
import { projection, reshape, tokenLogProbabilities } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { PASS_TOKENS, planAlone, type PlannedPass, planPasses, type TokenRequest } from './pass-plan.js';

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
  if (requests.length === 0) return [];
  const scores: Score[] = [];
  let done = 0;
  const passes = knowsTrees(model) ? planPasses(requests, passTokens) : planAlone(requests);
  for (const pass of passes) {
    throwIfAborted(signal);
    for await (const [request, score] of scorePass(model, pass, requests)) {
      scores[request] = score;
      onScore?.(request, score);
      done++;
    }
    onProgress?.(done, requests.length);
  }
  return scores;
}

/** Whether the model's family asks for the places of tokens and for what each one sees, instead of taking both for granted. One token is tried. */
function knowsTrees(model: Model): boolean {
  const tree = new OpenTree([-1]);
  try {
    tf.tidy(() => void model.predict(tf.tensor2d([0], [1, 1], 'int32'), { tree }));
    return tree.understood;
  } finally {
    tree.dispose();
  }
}

async function* scorePass(model: Model, { ids, parents, readings }: PlannedPass, requests: readonly TokenRequest[]): AsyncGenerator<[number, Score]> {
  checkTokenIds(model, ids);
  const places = readings.flatMap(({ at }) => at);
  // What several choices begin behind is multiplied by the output layer once.
  const distinct = Int32Array.from(new Set(places));
  const rowOf = new Map(Array.from(distinct, (place, row) => [place, row]));
  const rows = Int32Array.from(places, (place) => rowOf.get(place)!);
  const targets = readings.flatMap(({ request }) => requests[request]!.targets);
  checkTokenIds(model, targets);
  const branches = parents.some((parent, at) => parent !== at - 1);
  const tree = branches ? new OpenTree(parents) : undefined;
  const [hidden, values, weight] = tf.tidy(() => {
    const predicted = model.predict(tf.tensor2d(ids as number[], [1, ids.length], 'int32'), { wanted: distinct, ...(tree ? { tree } : {}) });
    const wanted = reshape(predicted.hidden, [distinct.length, -1]);
    const asked = [Int32Array.from(targets), rows].map((numbers) => tf.tensor1d(numbers, 'int32')) as [tf.Tensor, tf.Tensor];
    return [wanted, tokenLogProbabilities(projection(wanted, predicted.weight), ...asked), predicted.weight] as const;
  });
  tree?.dispose();
  try {
    const each = (await values.data()) as Float32Array;
    let first = 0;
    const parts = readings.map(({ request, at }) => {
      const from = first;
      first += at.length;
      return { request, from, to: first, greedy: requests[request]!.greedy };
    });
    const likeliest = await likeliestOf(
      parts.filter(({ greedy }) => greedy),
      { each, targets, rows, hidden, weight },
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
  { each, targets, rows, hidden, weight }: { each: Float32Array; targets: readonly number[]; rows: Int32Array; hidden: tf.Tensor; weight: tf.Tensor },
): Promise<Set<number>> {
  const found = new Set(parts.map(({ request }) => request));
  let open = parts.map(({ request, from, to }) => ({
    request,
    unsure: Array.from({ length: to - from }, (_, i) => from + i)
      .filter((at) => each[at]! <= SURE)
      .sort((a, b) => each[a]! - each[b]!),
  }));
  for (let depth = 0; (open = open.filter(({ request, unsure }) => found.has(request) && depth < unsure.length)).length > 0; depth++) {
    const looked = open.map(({ unsure }) => unsure[depth]!);
    const after = Int32Array.from(looked, (at) => rows[at]!);
    const best = tf.tidy(() => tf.argMax(projection(tf.gather(hidden, tf.tensor1d(after, 'int32')), weight).logits(), -1));
    const ids = await best.data();
    best.dispose();
    open.forEach(({ request }, i) => void (ids[i] !== targets[looked[i]!] && found.delete(request)));
  }
  return found;
}
