import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { checkOptions, type Checkpoint, type Config, type Distiller, familyOf, type Model, named, type Parts, type Plan, UsageError } from '@chop/core';
import { type Tokenizer, Windows } from '@chop/data';
import { checkModelOutput, openCheckpoint, removeFolder } from '@chop/formats';
import type { Engine } from '@chop/kernels';
import {
  type Distillation,
  extentOf,
  initialise,
  type Restored,
  SnapshotStore,
  train as runTraining,
  TrainingLog,
  type TrainingEvent,
  type TrainOptions,
  trainOptions,
} from '@chop/training';
import { calibrationWindows, readText } from './calibrate.js';
import { dataWord, EMBEDDED_MODEL } from './embedded.js';
import { engineFor, measurePerplexity } from './evaluate.js';
import { afterTraining, holdZeros } from './lineage.js';
import { OpenModel, openModel } from './opened.js';
import { chosenPruner } from './plan.js';
import { dtypeNamed, saveModel } from './save.js';
import type { FromScratch, TrainRequest, TrainResult } from './verbs.js';

/** With `force`, a run may go on with others of these: what tames one whose loss ran away. */
const STEERING = ['lr', 'clip'];

/** Windows that an evaluation during training looks at. */
const ONLINE_WINDOWS = 20;

/** `chop train`: continued pretraining, with or without a pruner and a distiller; or from scratch. */
export async function train(parts: Parts, source: string | FromScratch, request: TrainRequest): Promise<TrainResult> {
  const options = checkOptions(trainOptions, { ...(request.seed === undefined ? {} : { seed: request.seed }), ...request.options }, 'train');
  extentOf(options);
  const started = performance.now();
  const opened = typeof source === 'string' ? await openModel(parts, source, request) : await fromScratch(parts, source);
  try {
    return await trainOpened(parts, opened, request, { options, started, fresh: typeof source !== 'string' });
  } finally {
    await opened.checkpoint.close();
  }
}

async function trainOpened(
  parts: Parts,
  opened: OpenModel,
  request: TrainRequest,
  { options, started, fresh }: { options: TrainOptions; started: number; fresh: boolean },
): Promise<TrainResult> {
  const { steps } = extentOf(options);
  const pruner = request.prune && chosenPruner(parts, request.prune);
  const tokenizer = await opened.tokenizer();
  await checkOutput(request);
  const engine = await engineFor(request);
  const distillation = await openTeacher(parts, request);
  const { join: between, chat } = options;
  const table = await readText(request.data, tokenizer, { join: between, chat, ...common(request) });
  const windows = new Windows(table, options);

  const work = workFolder(request.out);
  const store = new SnapshotStore(join(work, 'snapshots'), await runFacts(opened, request, options, distillation?.hash), options.keep);
  const resumed = request.resume ? await store.restore(opened.family, opened.blueprint, request.force ? STEERING : []) : undefined;
  if (!resumed) await removeFolder(work);
  if (resumed) request.onMessage?.(`going on after step ${resumed.step} of ${steps}`);
  const model = resumed?.model ?? (fresh ? freshModel(opened, options.seed) : await startModel(opened, request.signal));
  const log = await TrainingLog.open(join(work, 'events.jsonl'), resumed?.step ?? 0);
  const online = request.valid;
  try {
    const plan = await runTraining({
      model,
      options,
      batch: (index) => windows.batch(index),
      snapshots: store,
      log,
      ...(pruner ? { pruner } : {}),
      ...textOf(request, tokenizer, options),
      ...(distillation ? { distillation } : {}),
      ...(online
        ? {
            evaluate: async (live) => ({
              perplexity: (
                await measurePerplexity(
                  parts,
                  live,
                  tokenizer,
                  { data: online, window: options.window, windows: ONLINE_WINDOWS, ...(between === undefined ? {} : { join: between }) },
                  {},
                )
              ).value,
            }),
          }
        : {}),
      ...(resumed ? { resumed: { step: resumed.step, plan: resumed.plan } } : {}),
      ...(request.signal ? { signal: request.signal } : {}),
      onEvent: progressOf(request, options, resumed),
    });
    return await finish({ opened, model, plan, options, request, log, work, engine, started });
  } finally {
    model.drop();
    distillation?.teacher.drop();
  }
}

/** The companion that tells how a model was trained. */
const LOG = 'training.jsonl';

/** Where a run keeps its log and snapshots until its model is written. */
export function workFolder(out: string): string {
  return join(dirname(out), `${basename(out)}.training`);
}

interface Finished {
  readonly opened: OpenModel;
  readonly model: Model;
  readonly plan: Plan;
  readonly options: TrainOptions;
  readonly request: TrainRequest;
  readonly log: TrainingLog;
  readonly work: string;
  readonly engine: Engine;
  readonly started: number;
}

async function finish({ opened, model, plan, options, request, log, work, engine, started }: Finished): Promise<TrainResult> {
  model.blueprint.checkUniform();
  const steps = log.events.filter((event) => event.type === 'step');
  const tokens = steps.at(-1)?.tokens ?? 0;
  const trained = steps.reduce((sum, { seconds }) => sum + seconds, 0);
  const dtype = request.dtype ? dtypeNamed(request.dtype) : opened.dtype;
  const beside = new Map([[LOG, () => readFile(log.file)]]);
  const checkpoint = model.asCheckpoint(opened.checkpoint);
  const did = [
    ...(request.prune ? [`${request.prune.name} with ${JSON.stringify(request.prune.set ?? {})}: ${plan.explain()}.`] : []),
    ...(request.distill ? [`${request.distill.name} with ${JSON.stringify(request.distill.set ?? {})} from the teacher ${request.distill.teacher}.`] : []),
    `Trained for ${steps.length} steps on ${tokens} tokens of ${request.data.join(', ')} (${options.optimizer}, peak learning rate ${options.lr}, ${options.schedule}, ${options.batchSize} × ${options.window} tokens, seed ${options.seed}).`,
  ];
  const written = await saveModel(checkpoint, { ...request, force: true, dtype, beside, lineage: afterTraining(await opened.lineage(), model, did) });
  await removeFolder(work);
  return {
    ...written,
    seconds: (performance.now() - started) / 1000,
    explanation: plan.explain(),
    steps: steps.length,
    tokens,
    losses: steps.map(({ loss }) => loss),
    tokensPerSecond: trained > 0 ? tokens / trained : 0,
    peakBytes: engine.memory().peakBytes,
    evaluations: log.events.filter((event) => event.type === 'evaluation').map((event) => ({ tokens: event.tokens, scores: event.scores })),
  };
}

/** An existing output needs --force, an unfinished run --resume or --force: nothing is lost by accident. */
async function checkOutput({ out, force = false, resume = false }: TrainRequest): Promise<void> {
  const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined;
  await checkModelOutput(out, { force: force || (resume && (await isResultOf(out, workFolder(out)))) });
  if (!force && !resume && (await exists(join(workFolder(out), 'snapshots')))) {
    throw new UsageError('TRAIN_UNFINISHED', {
      file: workFolder(out),
      found: 'an unfinished run',
      expected: 'none',
      remedy: 'Go on with --resume, or start again with --force.',
    });
  }
}

/** A run that was killed after it had written its model, and before it had put its snapshots away. */
async function isResultOf(out: string, work: string): Promise<boolean> {
  const [result, log] = await Promise.all([join(out, LOG), join(work, 'events.jsonl')].map((file) => readFile(file).catch(() => undefined)));
  return result !== undefined && log !== undefined && result.equals(log);
}

async function openTeacher(parts: Parts, { distill, signal }: TrainRequest): Promise<(Distillation & { hash: string }) | undefined> {
  if (!distill) return undefined;
  const method: Distiller = named('distiller', parts.distillers, distill.name);
  const options = checkOptions(method.options, distill.set ?? {}, distill.name);
  const opened = await openModel(parts, distill.teacher, signal ? { signal } : {});
  const teacher = await opened.load(signal);
  const hash = await hashOf(opened.checkpoint);
  await opened.checkpoint.close();
  return { method, options, teacher, hash };
}

/** SHA-256 of all stored weights: which teacher a run was started with. */
async function hashOf(checkpoint: Checkpoint): Promise<string> {
  const hash = createHash('sha256');
  for (const name of checkpoint.tensors.keys()) for await (const piece of checkpoint.stream(name)) hash.update(piece);
  return hash.digest('hex');
}

/** What must be the same for a run to go on. Where it writes, and how often it saves, may change. */
async function runFacts(opened: OpenModel, request: TrainRequest, options: TrainOptions, teacher: string | undefined): Promise<Record<string, unknown>> {
  const { keep: _keep, saveEvery: _saveEvery, ...rest } = options;
  return {
    model: opened.source,
    data: request.data.map(dataWord),
    ...rest,
    prune: request.prune,
    distill: request.distill,
    calibration: request.calibration,
    ...(teacher ? { teacher } : {}),
  };
}

function textOf(request: TrainRequest, tokenizer: Tokenizer, options: TrainOptions): { text?: () => Promise<Int32Array[]> } {
  const calibration = { data: request.data, ...(options.join === undefined ? {} : { join: options.join }), ...request.calibration };
  const text = calibrationWindows(calibration, async () => tokenizer, common(request));
  return text ? { text } : {};
}

function common({ signal, onProgress }: TrainRequest): Pick<TrainRequest, 'signal' | 'onProgress'> {
  return { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) };
}

function progressOf({ onProgress, onMessage, onEvent }: TrainRequest, options: TrainOptions, resumed: Restored | undefined): (event: TrainingEvent) => void {
  const { steps, tokensPerStep } = extentOf(options);
  const from = { step: resumed?.step ?? 0, at: performance.now() };
  return (event) => {
    onEvent?.(event);
    if (event.type === 'edit') onMessage?.(`step ${event.step}: ${event.explanation}`);
    if (event.type === 'evaluation')
      onMessage?.(
        `step ${event.step}: ${Object.entries(event.scores)
          .map(([name, value]) => `${name} ${value.toFixed(2)}`)
          .join(', ')}`,
      );
    if (event.type !== 'step') return;
    const seconds = (performance.now() - from.at) / 1000;
    const done = event.step - from.step;
    const left = Math.round((seconds / done) * (steps - event.step));
    const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
    onProgress?.({
      phase: 'train',
      done: event.step,
      total: steps,
      detail: `loss ${event.loss.toFixed(3)} · ${Math.round((done * tokensPerStep) / seconds).toLocaleString('en-US')} tokens/s · ${clock} left`,
    });
  };
}

async function fromScratch(parts: Parts, { fromScratch: file, tokenizer }: FromScratch): Promise<OpenModel> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) =>
    Promise.reject(new UsageError('CONFIG_MISSING', { file, found: 'no readable file', expected: 'a config.json', cause })),
  );
  let config: Config;
  try {
    config = JSON.parse(text) as Config;
  } catch (cause) {
    throw new UsageError('CONFIG_MISSING', { file, found: 'text that is no JSON', expected: 'a config.json', cause });
  }
  const family = familyOf(parts, config, file);
  const blueprint = family.blueprint(config);
  const folder = tokenizer === undefined ? dirname(file) : tokenizer === 'embedded' ? EMBEDDED_MODEL : tokenizer;
  const companions = await companionsOf(folder);
  const tensors = new Map([...blueprint.weights.values()].map(({ name, shape }) => [name, { name, shape, dtype: 'F32' as const }]));
  const nothing: Checkpoint['stream'] = () => {
    throw new UsageError('CHECKPOINT_EMPTY', { file, found: 'a model without weights', expected: 'training first' });
  };
  return new OpenModel({ source: file, config, tensors, companions, stream: nothing, close: async () => {} }, family, blueprint);
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

/** Tokenizer files of a folder that may have no weights. */
async function companionsOf(folder: string): Promise<Checkpoint['companions']> {
  const names = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'generation_config.json', 'chat_template.jinja'];
  const found = await Promise.all(
    names.map(async (name) => ((await stat(join(folder, name)).catch(() => undefined)) ? [[name, async () => readFile(join(folder, name))] as const] : [])),
  );
  if (found.flat().length > 0) return new Map(found.flat());
  return (await openCheckpoint(folder)).companions;
}
