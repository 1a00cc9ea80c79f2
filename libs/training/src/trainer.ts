import {
  type Budget,
  checkTokenIds,
  type Configured,
  drive,
  InterruptedError,
  MethodSession,
  type Model,
  type Plan,
  type Pruner,
  Random,
  type Step,
  TrainingError,
} from '@chop/core';
import { packBits, withFloatChains, zeroDropped } from '@chop/kernels';
import * as tf from '@tensorflow/tfjs-core';
import type { StepRecord, TrainingEvent, TrainingLog } from './log.js';
import { Patience, type Watched } from './patience.js';
import { accumulate, asUsed, backward, clipping } from './gradients.js';
import type { Distillation, TokenBatch } from './loss.js';
import { update } from './optimizer.js';
import { ownMemory } from './own-memory.js';
import type { TrainOptions } from './options.js';
import { type Extent, extentOf, learningRate } from './schedule.js';
import type { SnapshotStore } from './snapshot.js';

/** One batch of token ids on the host, as `Windows.batch` gives it. */
export interface HostBatch {
  readonly ids: Int32Array;
  readonly batchSize: number;
  readonly window: number;
  readonly segments?: Int32Array;
  readonly weights?: Float32Array;
}

/** What a training run is made of. */
export interface TrainingParts {
  readonly model: Model;
  readonly options: TrainOptions;
  /** The text of step `index` (from 0): a pure function of the index, so that a resumed run reads on where it stopped. */
  readonly batch: (index: number) => HostBatch | Promise<HostBatch>;
  readonly pruner?: Configured<Pruner>;
  /** Calibration windows for a pruner that sweeps. */
  readonly text?: () => Promise<readonly Int32Array[]>;
  readonly distillation?: Distillation;
  /** Scores of the model as it is, every `evalEvery` tokens. Touches neither the session's random numbers nor its place in the text. */
  readonly evaluate?: (model: Model) => Promise<Readonly<Record<string, number>>>;
  /** The score that ends the run when it gets no better, once no method prunes any more. */
  readonly watched?: Watched;
  /** Keeps the weights of the best score so far: in place before anything goes on. */
  readonly keepBest?: (model: Model, plan: Plan, step: number) => Promise<unknown>;
  readonly snapshots?: SnapshotStore;
  readonly log?: TrainingLog;
  /** Where an interrupted run goes on. */
  readonly resumed?: { readonly step: number; readonly plan: Plan };
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainingEvent) => void;
}

/**
 * Continued pretraining, with or without a pruner and a distiller: one loop, in the open.
 * Returns everything that was edited, as one plan. The model is as the last step left it, also where an earlier one had the best score.
 *
 * @throws {@link TrainingError} `TRAIN_LOSS` when the loss is no number: the last snapshot is named.
 * @throws {@link InterruptedError} when the signal fires: a snapshot was written.
 */
export async function train(parts: TrainingParts): Promise<Plan> {
  ownMemory(parts.model);
  const trainer = new Trainer(parts);
  const session = new MethodSession({
    model: parts.model,
    random: () => trainer.random,
    everywhereAlike: withFloatChains,
    zeroDropped,
    packBits,
    training: { budget: () => trainer.budget, steps: () => trainer.steps() },
    ...(parts.resumed ? { plan: parts.resumed.plan } : {}),
    ...(parts.text ? { text: parts.text } : {}),
    ...(parts.signal ? { signal: parts.signal } : {}),
  });
  trainer.session = session;
  if (parts.pruner) await drive(parts.pruner.method.plan(session, parts.pruner.options), session, parts.pruner.method.name);
  trainer.isFree = true;
  for await (const _ of trainer.steps());
  return session.plan;
}

class Trainer {
  readonly #parts: TrainingParts;
  readonly #extent: Extent;
  #done: number;
  /** A step whose edits have been made, and which is still to be evaluated and saved. */
  #unsettled: StepRecord | undefined;
  #explained = '';
  readonly #patience: Patience | undefined;
  /** Whether no method prunes any more. Before, a score tells of what was cut. */
  isFree = false;
  #random: { step: number; random: Random } | undefined;
  session!: MethodSession;

  constructor(parts: TrainingParts) {
    this.#parts = parts;
    this.#extent = extentOf(parts.options);
    this.#done = parts.resumed?.step ?? 0;
    this.#explained = parts.resumed ? explained(parts.resumed.plan) : '';
    this.#patience = parts.watched && new Patience(parts.watched, parts.log?.events ?? []);
  }

  get budget(): Budget {
    const { steps, tokensPerStep } = this.#extent;
    return { steps, tokensPerStep, stepsDone: this.#done };
  }

  /** What a method draws is a function of the seed and the step, so that a resumed run draws the same. */
  get random(): Random {
    if (this.#random?.step !== this.#done) this.#random = { step: this.#done, random: Random.of(this.#parts.options.seed, 'method', this.#done) };
    return this.#random.random;
  }

  async *steps(): AsyncGenerator<Step> {
    await this.#settle();
    while (this.#done < this.#extent.steps && !this.#isStopped) {
      const { step, record, gradients } = await this.#optimise();
      this.#unsettled = record;
      try {
        yield step;
      } finally {
        tf.dispose([...gradients.values()]);
      }
      await this.#settle();
    }
  }

  get #isStopped(): boolean {
    return this.#patience?.isOver === true;
  }

  /** Forward, backward, clip, update. */
  async #optimise(): Promise<{ step: Step; record: StepRecord; gradients: Map<string, tf.Tensor> }> {
    const { model, options, distillation } = this.#parts;
    const { checkpointBlocks, precision } = options;
    const started = performance.now();
    const index = this.#done + 1;
    const batches = Array.from(
      { length: options.accumulate },
      (_, i) => () => this.#withBatch(this.#done * options.accumulate + i, (batch) => backward(model, batch, { distillation, checkpointBlocks, precision })),
    );
    const { gradients, terms } = await accumulate(batches);
    const loss = Object.values(terms).reduce((sum, term) => sum + term, 0);
    const { norm: gradientNorm, factor } = Number.isFinite(loss) ? await clipping(gradients, options.clip) : { norm: NaN, factor: NaN };
    if (!Number.isFinite(gradientNorm))
      throw this.#broken(index, Number.isFinite(loss) ? `a gradient of norm ${gradientNorm} (loss ${loss.toPrecision(5)})` : `a loss of ${loss}`);
    const lr = learningRate(index, options, this.#extent);
    update(model, gradients, options, { lr, index, factor });
    this.#done = index;
    const tokens = index * this.#extent.tokensPerStep;
    const seconds = (performance.now() - started) / 1000;
    const used = asUsed(gradients, factor);
    const gradient: Step['gradient'] = (weight) => used(typeof weight === 'string' ? weight : weight.name);
    const named = Object.keys(terms).length > 1 ? { terms } : {};
    return { step: { index, tokens, gradient }, record: { type: 'step', step: index, tokens, loss, ...named, gradientNorm, lr, seconds }, gradients };
  }

  /** After the method has had its say of a step: log, evaluate, save. */
  async #settle(): Promise<void> {
    const { model, log, evaluate, snapshots, signal, onEvent } = this.#parts;
    const record = this.#unsettled;
    this.#unsettled = undefined;
    const tell = async (event: TrainingEvent): Promise<void> => {
      await log?.append(event);
      onEvent?.(event);
    };
    const { steps, evalSteps, saveSteps, tokensPerStep } = this.#extent;
    const step = this.#done;
    const explanation = explained(this.session.plan);
    if (record) await tell(record);
    if (explanation !== this.#explained) await tell({ type: 'edit', step, tokens: step * tokensPerStep, explanation });
    this.#explained = explanation;
    if (!record) return;
    if (evaluate && evalSteps && (step % evalSteps === 0 || step === steps)) await this.#evaluate(evaluate, record, tell);
    if (snapshots && (step % saveSteps === 0 || step === steps || this.#isStopped || signal?.aborted)) {
      if (!(await allFinite(model))) throw this.#broken(step, `weights that are infinite or no numbers (loss ${record.loss.toPrecision(5)})`);
      const folder = await snapshots.save(model, this.session.plan, step);
      onEvent?.({ type: 'snapshot', step, folder });
    }
    if (signal?.aborted && step < steps && !this.#isStopped) {
      throw new InterruptedError({
        found: `the run interrupted after step ${step} of ${steps}`,
        remedy: snapshots ? 'State is saved: the same command with --resume goes on.' : 'Nothing was saved.',
      });
    }
  }

  /** The scores of the model as it is; the best weights so far are saved before anything goes on. */
  async #evaluate(
    evaluate: NonNullable<TrainingParts['evaluate']>,
    { step, tokens }: StepRecord,
    tell: (event: TrainingEvent) => Promise<void>,
  ): Promise<void> {
    const { model, keepBest, watched } = this.#parts;
    const evaluation = { type: 'evaluation', step, tokens, scores: await evaluate(model) } as const;
    if (!watched || !this.isFree) return tell(evaluation);
    const judged = this.#patience!.judge(evaluation);
    if (judged.best) await keepBest?.(model, this.session.plan, step);
    await tell(judged);
    if (this.#isStopped) await tell({ type: 'stop', step, tokens, watched: watched.name, bestStep: this.#patience!.best?.step ?? step });
  }

  async #withBatch<T>(index: number, act: (batch: TokenBatch) => Promise<T>): Promise<T> {
    const { ids, batchSize, window, segments, weights } = await this.#parts.batch(index);
    checkTokenIds(this.#parts.model, ids);
    const shape: [number, number] = [batchSize, window];
    const batch: TokenBatch = {
      ids: tf.tensor2d(ids, shape, 'int32'),
      ...(segments ? { segments: tf.tensor2d(segments, shape, 'int32') } : {}),
      ...(weights ? { weights: tf.tensor2d(weights, shape, 'float32') } : {}),
    };
    try {
      return await act(batch);
    } finally {
      tf.dispose(Object.values(batch) as tf.Tensor[]);
    }
  }

  #broken(index: number, found: string): TrainingError {
    const last = this.#parts.snapshots?.latest;
    return new TrainingError('TRAIN_LOSS', {
      found: `${found} at step ${index}`,
      expected: 'finite numbers',
      remedy: `Lower --lr or --clip. ${last ? `The last good snapshot is ${last}: go on from it with --resume --force and other values.` : 'No snapshot had been written: start again with --force.'}`,
    });
  }
}

/** What was edited, in words; of nothing, none. */
function explained(plan: Plan): string {
  return plan.isNothing ? '' : plan.explain();
}

/** Weights of which one is infinite or no number make no snapshot to go on from. */
async function allFinite(model: Model): Promise<boolean> {
  for (const name of model.names) {
    const all = tf.tidy(() => tf.all(tf.isFinite(model.value(name))));
    const [finite] = await all.data();
    all.dispose();
    if (finite !== 1) return false;
  }
  return true;
}
