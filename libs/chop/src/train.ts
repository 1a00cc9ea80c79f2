import { createHash } from 'node:crypto';
import { checkOptions, type Checkpoint, type Model, type Parts, type Plan, turnMatrices } from '@chop/core';
import type { Tokenizer } from '@chop/data';
import { hasBfloat16Products } from '@chop/kernels';
import {
  type Distillation,
  extentOf,
  initialise,
  train as runTraining,
  type TrainingEvent,
  type TrainingParts,
  type TrainOptions,
  trainingMemory,
  trainOptions,
} from '@chop/training';
import { bestEvaluation, bestWeightsIn } from './best-weights.js';
import { calibrationWindows } from './calibrate.js';
import { cutBeside } from './cut-facts.js';
import { dataWord } from './embedded.js';
import { engineFor } from './evaluate.js';
import { fromScratch } from './from-scratch.js';
import { afterTraining, holdZeros } from './lineage.js';
import { checkLoaders, loadersOf } from './loaders.js';
import { checkMemory, withinMemory } from './memory-limit.js';
import { type ModelSource, OpenModel, openModel, storedBytes, withModel } from './opened.js';
import { onlineOf } from './online.js';
import { dtypeOf, inMemory, writeFolder } from './save.js';
import { progressOf } from './train-progress.js';
import { trainingText } from './training-text.js';
import type { FromScratch, TrainedModel, TrainRequest, TrainResult } from './verbs.js';
import type { Common } from './request.js';
import type { Verified } from './verify.js';
import { verifyFolder } from './verify-folder.js';
import { checkOutput, logBeside, Workplace } from './workplace.js';

const NO_FASTER =
  'Nothing here multiplies bfloat16 (native kernels on a processor with avx512_bf16 do): bf16 gives the numbers that it gives there, at the speed of f32 or below.';

/** What is asked of a run beside the options of training. */
type Job = Omit<TrainRequest, keyof TrainOptions>;

/**
 * Continued pretraining, with or without a pruner and a distiller; or from scratch.
 *
 * @throws {@link UsageError} `OPTION_UNKNOWN`, `OPTION_VALUE`, `TRAIN_LENGTH`, `TRAIN_EVALUATION`, `TRAIN_WATCH`, `TRAIN_UNFINISHED`, `RESUME_OTHER_RUN`, `OUTPUT_EXISTS`
 * @throws {@link TrainingError} `TRAIN_LOSS`
 */
export async function train(parts: Parts, source: ModelSource | FromScratch, request: TrainRequest): Promise<TrainedModel> {
  const { job, options } = split(request);
  extentOf(options);
  const started = performance.now();
  if (typeof source === 'string' || source instanceof OpenModel)
    return withModel(parts, source, job, (opened) => trainOpened(parts, opened, job, { options, started, fresh: false }));
  return trainOpened(parts, await fromScratch(parts, source), job, { options, started, fresh: true });
}

/** What of a request is no option of training. */
const JOB_KEYS = {
  ...{ data: true, out: true, force: true, resume: true, for: true, prune: true, loss: true, valid: true, calibration: true, dtype: true, onEvent: true },
  ...{ engine: true, threads: true, memoryLimit: true, signal: true, onProgress: true, onMessage: true },
} as const satisfies Record<keyof Job, true>;

function split(request: TrainRequest): { job: Job; options: TrainOptions } {
  const given = Object.entries(request).filter(([, value]) => value !== undefined);
  const [job, options] = [true, false].map((wanted) => Object.fromEntries(given.filter(([key]) => Object.hasOwn(JOB_KEYS, key) === wanted)));
  return { job: job as unknown as Job, options: checkOptions(trainOptions, options, 'train') };
}

async function trainOpened(
  parts: Parts,
  opened: OpenModel,
  job: Job,
  { options, started, fresh }: { options: TrainOptions; started: number; fresh: boolean },
): Promise<TrainedModel> {
  const { steps } = extentOf(options);
  const pruner = job.prune && { method: job.prune.method, options: checkOptions(job.prune.method.options, job.prune.options, job.prune.method.name) };
  // What a method will leave is not known yet; without one the sizes stay as they are.
  if (!pruner) checkLoaders(opened, job.for ?? []);
  const tokenizer = await opened.tokenizer();
  const online = await onlineOf(parts, job, options, async () => tokenizer);
  await checkOutput(job);
  const engine = await engineFor(job);
  if (options.precision === 'bf16' && !hasBfloat16Products(engine)) job.onMessage?.(NO_FASTER);
  const distillation = await openTeacher(parts, job);
  const need = trainingMemory(opened.blueprint, options, { native: engine.native !== undefined, teacher: distillation?.teacher.blueprint });
  const memory = { limit: job.memoryLimit, savings: options };
  checkMemory(need, { ...memory, onMessage: job.onMessage });
  const text = await trainingText(job.data, tokenizer, options, common(job));

  const work =
    job.out === undefined ? undefined : new Workplace(job.out, await runFacts(opened, job, options, { fresh, teacher: distillation }), options.keep, job);
  const resumed = await work?.restore(opened.family, opened.blueprint);
  if (resumed) job.onMessage?.(`going on after step ${resumed.step} of ${steps}`);
  await text.begin((resumed?.step ?? 0) * options.accumulate, work?.folder);
  const model = resumed?.model ?? (fresh ? freshModel(opened, options.seed) : await startModel(opened, job.signal));
  const progress = progressOf(job, options, resumed?.step ?? 0);
  const log = await work?.openLog(resumed?.step ?? 0);
  const heard: TrainingEvent[] = [];
  const weights = bestWeightsIn(work?.snapshots, opened);
  let kept = model;
  try {
    const training = {
      model,
      options,
      batch: (index) => text.batch(index),
      ...(work && log ? { snapshots: work.snapshots, log } : {}),
      ...(pruner ? { pruner } : {}),
      ...textOf(job, tokenizer, options),
      ...(distillation ? { distillation } : {}),
      ...online,
      keepBest: weights.keepBest,
      ...(resumed ? { resumed: { step: resumed.step, plan: resumed.plan } } : {}),
      ...(job.signal ? { signal: job.signal } : {}),
      onEvent: (event) => {
        heard.push(event);
        progress(event);
      },
    } satisfies TrainingParts;
    const plan = await withinMemory(memory, () => runTraining(training));
    model.blueprint.checkUniform();
    const events = log?.events ?? heard;
    const best = bestEvaluation(events);
    if (best && best.step < (events.findLast(({ type }) => type === 'step')?.step ?? 0)) kept = await weights.take(best.step, model);
    const result = resultOf(events, plan, {
      seconds: (performance.now() - started) / 1000,
      peakBytes: engine.memory().peakBytes,
      processPeakBytes: process.resourceUsage().maxRSS * 1024,
    });
    return await deliver(parts, opened, kept, work, { job, options, result, events, plan });
  } finally {
    await text.close();
    for (const live of new Set([model, kept])) live.drop();
    distillation?.teacher.drop();
  }
}

type Numbers = Omit<TrainResult, 'out' | 'files' | 'parameters' | 'bytes'>;

/** What the log of a run comes to. */
function resultOf(events: readonly TrainingEvent[], plan: Plan, rest: Pick<Numbers, 'seconds' | 'peakBytes' | 'processPeakBytes'>): Numbers {
  const best = bestEvaluation(events);
  const steps = events.filter((event) => event.type === 'step');
  const tokens = steps.at(-1)?.tokens ?? 0;
  const trained = steps.reduce((sum, { seconds }) => sum + seconds, 0);
  return {
    ...rest,
    explanation: plan.explain(),
    steps: steps.length,
    tokens,
    losses: steps.map(({ loss }) => loss),
    tokensPerSecond: trained > 0 ? tokens / trained : 0,
    evaluations: events.filter((event) => event.type === 'evaluation').map((event) => ({ tokens: event.tokens, scores: event.scores })),
    ...(best ? { best: { step: best.step, tokens: best.tokens, stopped: events.some(({ type }) => type === 'stop') } } : {}),
  };
}

/** The trained model as an open one: of the folder into which it is written, or in memory, byte for byte the same. */
async function deliver(
  parts: Parts,
  opened: OpenModel,
  model: Model,
  work: Workplace | undefined,
  { job, options, result, events, plan }: { job: Job; options: TrainOptions; result: Numbers; events: readonly TrainingEvent[]; plan: Plan },
): Promise<TrainedModel> {
  const live = model.asCheckpoint(opened.checkpoint);
  const lineage = afterTraining(await opened.lineage(), model, told(job, options, result));
  const dtype = dtypeOf(opened, job.dtype);
  const beside = new Map([...logBeside(events.filter(({ type }) => type !== 'snapshot')), ...cutBeside(plan)]);
  if (!work) {
    const checkpoint = await inMemory(live, dtype);
    const trained = new OpenModel({ checkpoint, family: opened.family, blueprint: model.blueprint, lineage, beside });
    return Object.assign(trained, { training: { ...result, parameters: model.blueprint.parameters, bytes: storedBytes(checkpoint) } });
  }
  const loaders = loadersOf({ family: opened.family, blueprint: model.blueprint });
  const trained = new OpenModel({ checkpoint: live, family: opened.family, blueprint: model.blueprint, lineage });
  let verify: Verified | undefined;
  const written = await writeFolder(turnMatrices(model.blueprint, live), job.out!, {
    ...common(job),
    force: true,
    dtype,
    beside,
    lineage,
    loaders,
    check: async (path, tensors) => void (verify = await verifyFolder(trained, { path, file: job.out!, tensors }, job)),
  });
  await work.clear();
  return Object.assign(await openModel(parts, job.out!), { training: { ...written, ...(verify ? { verify } : {}), ...result } });
}

function told({ prune, loss, data }: Job, options: TrainOptions, { explanation, steps, tokens, best }: Numbers): string[] {
  return [
    ...(prune ? [`${prune.method.name} with ${JSON.stringify(prune.options)}: ${explanation}.`] : []),
    ...(loss ? [`${loss.method.name} with ${JSON.stringify(loss.options)} from the teacher ${sourceOf(loss.teacher)}.`] : []),
    `Trained for ${steps} steps on ${tokens} tokens of ${data.join(', ')} (${options.optimizer}, peak learning rate ${options.lr}, ${options.schedule}, ${options.batchSize} × ${options.window} tokens, seed ${options.seed}${options.precision === 'bf16' ? ', bfloat16 products' : ''}).`,
    ...(best && best.step < steps ? [`The weights are those after step ${best.step}, whose score was the best.`] : []),
  ];
}

function sourceOf(model: ModelSource): string {
  return typeof model === 'string' ? model : model.source;
}

type Teacher = Distillation & { readonly hash: string };

async function openTeacher(parts: Parts, { loss, signal }: Job): Promise<Teacher | undefined> {
  if (!loss) return undefined;
  const options = checkOptions(loss.method.options, loss.options, loss.method.name);
  return withModel(parts, loss.teacher, signal ? { signal } : {}, async (opened) => ({
    method: loss.method,
    options,
    teacher: await opened.load(signal),
    hash: await hashOf(opened.checkpoint),
  }));
}

/** SHA-256 of all stored weights: which teacher a run was started with. */
async function hashOf(checkpoint: Checkpoint): Promise<string> {
  const hash = createHash('sha256');
  for (const name of checkpoint.tensors.keys()) for await (const piece of checkpoint.stream(name)) hash.update(piece);
  return hash.digest('hex');
}

/** What must be the same for a run to go on. Where it writes, how often it saves, and what it computes again to spare memory, may change. */
async function runFacts(
  opened: OpenModel,
  { data, prune, loss, calibration, valid }: Job,
  options: TrainOptions,
  { fresh, teacher }: { fresh: boolean; teacher: Teacher | undefined },
): Promise<Record<string, unknown>> {
  const { keep: _keep, saveEvery: _saveEvery, checkpointBlocks: _checkpointBlocks, ...rest } = options;
  return {
    model: opened.source,
    // A model seen through a plan has the source of the one that it is made of.
    ...(fresh ? {} : { weights: await opened.fingerprint() }),
    data: data.map(dataWord),
    ...rest,
    prune: prune && { name: prune.method.name, options: prune.options },
    distill: loss && { name: loss.method.name, options: loss.options },
    calibration,
    // What is measured decides when a run ends that watches it.
    ...(options.patience === undefined ? {} : { valid: valid?.map(dataWord) }),
    ...(teacher ? { teacher: teacher.hash } : {}),
  };
}

function textOf({ data, ...job }: Job, tokenizer: Tokenizer, options: TrainOptions): { text?: () => Promise<Int32Array[]> } {
  const calibration = { data, ...(options.join === undefined ? {} : { join: options.join }), ...job.calibration };
  const text = calibrationWindows(calibration, async () => tokenizer, common(job));
  return text ? { text } : {};
}

function common({ signal, onProgress }: Common): Pick<Common, 'signal' | 'onProgress'> {
  return { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) };
}

/** The weights as they are stored; what was masked stays masked. */
async function startModel(opened: OpenModel, signal: AbortSignal | undefined): Promise<Model> {
  const model = await opened.load(signal);
  await holdZeros(model, await opened.lineage());
  return model;
}

function freshModel(opened: OpenModel, seed: number): Model {
  const model = opened.family.model(opened.blueprint);
  initialise(model, opened.blueprint, seed);
  return model;
}
