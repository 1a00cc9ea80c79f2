import { checkOptions, type EvaluationContext, type Model, named, type Parts, UsageError } from '@chop/core';
import type { Tokenizer } from '@chop/data';
import type { LatencyResult, PerplexityResult } from '@chop/eval';
import { type Engine, startEngine } from '@chop/kernels';
import { forwardMemory } from '@chop/training';
import { readText } from './calibrate.js';
import { checkMemory, engineOptions, withinMemory } from './memory-limit.js';
import { type ModelSource, type OpenModel, withModel } from './opened.js';
import type { EvalResult, EvaluateRequest } from './verbs.js';
import type { Common } from './request.js';

/** Tokens at once, where nothing is said. */
const EVALUATION_WINDOW = 512;

export type PerplexityRequest = NonNullable<EvaluateRequest['perplexity']>;

/** Measures models one after the other, each alone in memory. */
export async function evaluate<Name extends string>(
  parts: Parts,
  models: Readonly<Record<Name, ModelSource>>,
  request: EvaluateRequest,
): Promise<Record<Name, EvalResult>> {
  if (!request.perplexity && !request.latency)
    throw new UsageError('EVAL_NOTHING', { found: 'nothing to measure', expected: 'a measurement', remedy: 'Give --perplexity DATA, --latency, or both.' });
  const scores: [string, EvalResult][] = [];
  for (const [name, source] of Object.entries<ModelSource>(models))
    scores.push([name, await withModel(parts, source, request, (opened) => measureOpened(parts, opened, request))]);
  return Object.fromEntries(scores) as Record<Name, EvalResult>;
}

async function measureOpened(parts: Parts, opened: OpenModel, request: EvaluateRequest): Promise<EvalResult> {
  const engine = await engineFor(request);
  const { memoryLimit: limit, onMessage } = request;
  const window = request.perplexity?.window ?? EVALUATION_WINDOW;
  const savings = { ...(request.perplexity ? { window } : {}) };
  if (limit !== undefined)
    checkMemory(forwardMemory(opened.blueprint, { batchSize: 1, window }, { native: engine.native !== undefined }), { limit, savings, onMessage });
  const model = await opened.load(request.signal);
  try {
    const scores = await withinMemory({ limit, savings }, async () => measure(parts, model, await opened.tokenizer(), engine, request));
    return { model: opened.source, parameters: opened.blueprint.parameters, bytes: opened.bytes, engine: engine.name, ...scores };
  } finally {
    model.drop();
  }
}

/** Starts the engine that was asked for, and says which one runs and why. */
export async function engineFor({ onMessage, ...common }: Common): Promise<Engine> {
  const started = await startEngine(engineOptions(common));
  onMessage?.(`engine ${started.name} (${started.version}, ${started.threads} thread${started.threads === 1 ? '' : 's'}): ${started.reason}`);
  return started;
}

/** What was asked of a model that is in memory. */
export async function measure(
  parts: Parts,
  model: Model,
  tokenizer: Tokenizer,
  engine: Engine,
  request: EvaluateRequest,
): Promise<Pick<EvalResult, 'perplexity' | 'latency'>> {
  const perplexity = request.perplexity && (await measurePerplexity(parts, model, tokenizer, request.perplexity, request));
  const latency = request.latency
    ? ((await run(parts, 'latency', model, request.latency === true ? {} : request.latency, {}, request)) as LatencyResult)
    : undefined;
  return { ...(perplexity ? { perplexity } : {}), ...(latency ? { latency: { ...latency, peakBytes: engine.memory().peakBytes } } : {}) };
}

/** Perplexity on a text: only as much of it is tokenised as the windows need. */
export async function measurePerplexity(
  parts: Parts,
  model: Model,
  tokenizer: Tokenizer,
  { data, join, ...options }: PerplexityRequest,
  common: Common,
): Promise<PerplexityResult> {
  const { window = EVALUATION_WINDOW, stride = window, windows } = options;
  const maxTokens = windows === undefined ? {} : { maxTokens: window + stride * (windows - 1) };
  const text = async (): Promise<Int32Array> =>
    (await readText(data, tokenizer, { join, ...maxTokens, ...(common.signal ? { signal: common.signal } : {}) })).ids;
  const context = { text, byteLength: (ids: Int32Array) => tokenizer.byteLength(ids), ...(tokenizer.bosId === undefined ? {} : { bosId: tokenizer.bosId }) };
  return (await run(parts, 'perplexity', model, options, context, common)) as PerplexityResult;
}

function run(parts: Parts, name: string, model: Model, options: unknown, context: EvaluationContext, { signal, onProgress }: Common): Promise<object> {
  const evaluator = named('evaluator', parts.evaluators, name);
  return evaluator.evaluate(model, checkOptions(evaluator.options, options, name), {
    ...context,
    ...(signal ? { signal } : {}),
    onProgress: (done, total) => onProgress?.({ phase: name, done, total }),
  });
}
