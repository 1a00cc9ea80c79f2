import { type Checkpoint, checkOptions, type EvaluationContext, type Model, named, type Parts, UsageError } from '@chop/core';
import type { Tokenizer } from '@chop/data';
import { type LatencyResult, pairedTasks, PASS_TOKENS, type PerplexityResult, type PreparedTasks, prepareTasks, TOKENS_IN_FLIGHT } from '@chop/eval';
import { atomicFile, checkFreeFile } from '@chop/formats';
import { type Engine, holdPacked, startEngine } from '@chop/kernels';
import { forwardMemory, sweepMemory } from '@chop/training';
import { withAnswers } from './answers.js';
import { readText } from './calibrate.js';
import { hubData } from './hub-data.js';
import { checkMemory, engineOptions, fitsMemory, withinMemory } from './memory-limit.js';
import { type ModelSource, type OpenModel, withModel } from './opened.js';
import type { EvalResult, EvaluateRequest } from './verbs.js';
import type { Common } from './request.js';
import { timeSideBySide } from './side-by-side.js';

/** Tokens at once, where nothing is said. */
const EVALUATION_WINDOW = 512;

export type PerplexityRequest = NonNullable<EvaluateRequest['perplexity']>;

/**
 * Measures models one after the other, each alone in memory; several are timed in turns, all in memory, and compared with the first example by example.
 */
export async function evaluate<Name extends string>(
  parts: Parts,
  models: Readonly<Record<Name, ModelSource>>,
  request: EvaluateRequest,
): Promise<Record<Name, EvalResult>> {
  if (!request.perplexity && !request.latency && !request.tasks)
    throw new UsageError('EVAL_NOTHING', {
      found: 'nothing to measure',
      expected: 'a measurement',
      remedy: 'Give --perplexity DATA, --tasks NAMES, --latency, or several of them.',
    });
  const several = Object.keys(models).length > 1;
  const { samplesFile, force = false } = request;
  if (samplesFile !== undefined) await checkFreeFile(samplesFile, { force });
  const prepared =
    request.tasks && (await prepareTasks({ ...request.tasks, ...(samplesFile === undefined && !several ? {} : { samples: true }) }, {}, hubData(request)));
  const alone = several ? { ...request, latency: false } : request;
  let scores: [string, EvalResult][] = [];
  for (const [name, source] of Object.entries<ModelSource>(models))
    scores.push([name, await withModel(parts, source, request, (opened) => measureOpened(parts, opened, alone, prepared))]);
  if (several) scores = await besideFirst(parts, models, scores, request);
  if (samplesFile === undefined)
    return Object.fromEntries(request.tasks?.samples ? scores : scores.map(([name, result]) => [name, withoutSamples(result)])) as Record<Name, EvalResult>;
  const lines = scores.flatMap(([name, { samples = [] }]) =>
    samples.map((sample) => JSON.stringify(scores.length === 1 ? sample : { model: name, ...sample })),
  );
  await atomicFile(samplesFile, lines.map((line) => `${line}\n`).join(''));
  return Object.fromEntries(scores.map(([name, result]) => [name, { ...withoutSamples(result), samplesFile }])) as Record<Name, EvalResult>;
}

function withoutSamples({ samples: _, ...rest }: EvalResult): EvalResult {
  return rest;
}

/** What is measured of several models together: their speeds in turns, and their answers to the same examples. */
async function besideFirst(
  parts: Parts,
  models: Readonly<Record<string, ModelSource>>,
  scores: readonly [string, EvalResult][],
  request: EvaluateRequest,
): Promise<[string, EvalResult][]> {
  const { latency, ...common } = request;
  const options = latency === true ? {} : latency;
  const timed = options ? await timeSideBySide(parts, models, options, { ...common, engine: await engineFor({ ...common, onMessage: () => {} }) }) : undefined;
  const [, { samples: first }] = scores[0]!;
  return scores.map(([name, result], at) => {
    const speedUps = timed?.speedUps[name];
    const paired =
      at > 0 && first && result.samples ? pairedTasks(first, result.samples, { ...(request.seed === undefined ? {} : { seed: request.seed }) }) : undefined;
    return [
      name,
      {
        ...result,
        ...(timed ? { latency: { ...timed.results[name]!, peakBytes: timed.peakBytes, ...(speedUps ? { speedUps } : {}) } } : {}),
        ...(paired ? { paired } : {}),
      },
    ];
  });
}

async function measureOpened(parts: Parts, opened: OpenModel, request: EvaluateRequest, prepared: PreparedTasks | undefined): Promise<EvalResult> {
  const engine = await engineFor(request);
  const { memoryLimit: limit, onMessage } = request;
  // A model without a tokenizer is refused before its weights are read.
  if (prepared) await opened.tokenizer();
  const window = Math.max(request.perplexity?.window ?? EVALUATION_WINDOW, prepared ? PASS_TOKENS : 0);
  const savings = { ...(request.perplexity ? { window } : {}) };
  const native = engine.native !== undefined;
  const whole = forwardMemory(opened.blueprint, { batchSize: 1, window }, { native });
  // A perplexity needs no more than a layer at a time; whatever else is measured needs the whole model.
  const streamed = !request.latency && !prepared && !fitsMemory(whole, limit);
  const need = streamed ? sweepMemory(opened.blueprint, { samples: Math.ceil(TOKENS_IN_FLIGHT / window), window }, { native }) : whole;
  const facts = { model: opened.source, parameters: opened.blueprint.parameters, bytes: opened.bytes, engine: engine.name };
  if (!request.perplexity && !request.latency && !prepared) return facts;
  checkMemory(need, { limit, savings, onMessage });
  if (streamed) onMessage?.('the model is read layer by layer: all of it would not fit into memory');
  const model = streamed ? opened.family.model(opened.blueprint) : await opened.load(request.signal);
  try {
    const measured = { opened, engine, prepared, ...(streamed ? { layersFrom: opened.checkpoint } : {}) };
    const scores = await withinMemory({ limit, savings }, async () => measure(parts, model, measured, request));
    return { ...facts, ...scores };
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

/** A model that is measured: the open one that it was loaded from, and on what. */
export interface Measured {
  readonly opened: OpenModel;
  readonly engine: Engine;
  readonly prepared: PreparedTasks | undefined;
  /** Where the weights are, if none of them is in memory: see {@link EvaluationContext}. */
  readonly layersFrom?: Checkpoint;
}

/** What was asked of a model that is in memory. Its 2:4 weights are packed before tasks and latency: it can only be dropped afterwards. */
export async function measure(
  parts: Parts,
  model: Model,
  measured: Measured,
  request: EvaluateRequest,
): Promise<Omit<EvalResult, 'model' | 'parameters' | 'bytes' | 'engine'>> {
  const { opened, prepared, layersFrom } = measured;
  const source = { tokenizer: await opened.tokenizer(), ...(layersFrom ? { layersFrom } : {}) };
  const perplexity = request.perplexity && (await measurePerplexity(parts, model, source, request.perplexity, request));
  const release = prepared || request.latency ? holdPacked(model.linears) : () => {};
  try {
    return { ...(perplexity ? { perplexity } : {}), ...(await measureRunning(parts, model, measured, request)) };
  } finally {
    release();
  }
}

/** What needs no more of a model than that it runs. */
async function measureRunning(parts: Parts, model: Model, { opened, engine, prepared }: Measured, request: EvaluateRequest): Promise<Partial<EvalResult>> {
  const tasks = prepared && (await measureTasks(model, { opened, engine, prepared }, request));
  const latency = request.latency
    ? ((await run(parts, 'latency', model, request.latency === true ? {} : request.latency, {}, request)) as LatencyResult)
    : undefined;
  return { ...tasks, ...(latency ? { latency: { ...latency, peakBytes: engine.memory().peakBytes } } : {}) };
}

async function measureTasks(
  model: Model,
  { opened, engine, prepared }: Measured & { readonly prepared: PreparedTasks },
  request: EvaluateRequest,
): Promise<Partial<EvalResult>> {
  const { signal, onProgress, onMessage } = request;
  const started = performance.now();
  const context = {
    tokenizer: await opened.tokenizer(),
    ...(signal ? { signal } : {}),
    onProgress: (done: number, total: number) => onProgress?.({ phase: 'tasks', done, total }),
  };
  const result = await withAnswers({ opened, model, engine }, request, (store) => prepared.evaluate(model, context, store));
  for (const [task, count] of Object.entries(result.truncated))
    onMessage?.(`${task}: ${count} request${count === 1 ? '' : 's'} longer than the model can see; their beginnings were left away`);
  return { ...result, taskSeconds: (performance.now() - started) / 1000 };
}

/** Perplexity on a text: only as much of it is tokenised as the windows need. */
export async function measurePerplexity(
  parts: Parts,
  model: Model,
  { tokenizer, ...source }: { readonly tokenizer: Tokenizer; readonly layersFrom?: Checkpoint },
  { data, join, ...options }: PerplexityRequest,
  common: Common,
): Promise<PerplexityResult> {
  const { window = EVALUATION_WINDOW, stride = window, windows } = options;
  const maxTokens = windows === undefined ? {} : { maxTokens: window + stride * (windows - 1) };
  const text = async (): Promise<Int32Array> =>
    (await readText(data, tokenizer, { join, ...maxTokens, ...(common.signal ? { signal: common.signal } : {}) })).ids;
  const context = {
    ...source,
    text,
    byteLength: (ids: Int32Array) => tokenizer.byteLength(ids),
    ...(tokenizer.bosId === undefined ? {} : { bosId: tokenizer.bosId }),
  };
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
