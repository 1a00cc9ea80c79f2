import * as tf from '@tensorflow/tfjs-core';
import { applyToCheckpoint, applyToModel, hideElements, hideIndices, type ZeroDropped } from './apply.js';
import type { Weight } from './blueprint.js';
import type { Checkpoint } from './checkpoint.js';
import type { Edit } from './edit.js';
import { ChopError, DataError, PlanError, PluginError, throwIfAborted, UsageError } from './error.js';
import type { Model } from './model.js';
import { Pass } from './pass.js';
import { type PackBits, Plan, planOf } from './plan.js';
import type { Random } from './random.js';
import type { Block, Budget, Session, State, Step, View } from './session.js';
import type { Accumulator, Statistic } from './statistic.js';
import { checkTokenIds } from './token-ids.js';

/** Where a session's parts come from. */
export interface SessionParts {
  readonly model: Model;
  /** Reads the weights of a block when it is visited; absent where all are in memory. */
  readonly checkpoint?: Checkpoint;
  /** Starts the engine, when weights are first needed. */
  readonly ready?: () => Promise<unknown>;
  /** Edits made before this session began (a resumed run). */
  readonly plan?: Plan;
  /** Calibration windows: equally long rows of token ids. */
  readonly text?: () => Promise<readonly Int32Array[]>;
  readonly random: () => Random;
  readonly signal?: AbortSignal;
  readonly training?: { readonly budget: () => Budget; readonly steps: () => AsyncIterable<Step> };
  readonly onBlock?: (done: number, total: number) => void;
  /** Runs a pruned layer whose result the choices in later layers depend on: products with these weights are to be the same on every processor. */
  readonly everywhereAlike?: <T>(run: () => T, weights: readonly tf.Tensor[]) => T;
  /** Zeroes dropped elements; default: by a new tensor. */
  readonly zeroDropped?: ZeroDropped;
  /** The bits of a bool tensor, eight to a byte, the first highest; default: from a byte for each, in JavaScript. */
  readonly packBits?: PackBits;
  /** Runs what reads some masked weights over and over, in whatever form they are quickest to multiply by. */
  readonly withMasked?: <T>(weights: readonly tf.Tensor[], run: () => T) => T;
}

/** The session of one method, and the plan that its edits add up to. */
export class MethodSession implements Session {
  readonly #parts: SessionParts;
  readonly #raised = new Set<unknown>();
  #plan: Plan;
  #sawWeights = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#plan = parts.plan ?? Plan.nothing(parts.model.blueprint);
  }

  /** Everything that was edited for good, as one plan. */
  get plan(): Plan {
    return this.#plan;
  }

  /** Whether the method has looked at the value of a weight: what it yields then holds for this model only. */
  get sawWeights(): boolean {
    return this.#sawWeights;
  }

  get random(): Random {
    return this.#parts.random();
  }

  get signal(): AbortSignal | undefined {
    return this.#parts.signal;
  }

  get budget(): Budget {
    return this.#parts.training?.budget() ?? { steps: 0, tokensPerStep: 0, stepsDone: 0 };
  }

  get model(): View {
    const { model } = this.#parts;
    const plan = this.#plan;
    const { blueprint } = model;
    return {
      blueprint,
      axes: blueprint.axes,
      opened: plan.before.axes,
      linears: (at) => (at === undefined ? [...blueprint.weights.values()].filter(({ linear }) => linear) : blueprint.linears(at)),
      weight: (weight) => {
        this.#sawWeights = true;
        return model.value(nameOf(weight));
      },
      indices: (axis, at) => plan.indices(axis, at),
    };
  }

  state(name: string, like: readonly Weight[]): State {
    const { model } = this.#parts;
    for (const weight of like) {
      const { slots, value } = model.entry(weight.name);
      if (!slots.has(name))
        slots.set(
          name,
          tf.tidy(() => tf.variable(tf.zerosLike(value), false)),
        );
    }
    return { of: (weight) => model.entry(nameOf(weight)).slots.get(name)! };
  }

  /** Carries out one edit: on the weights in memory, and in the plan. */
  async apply(edit: Edit): Promise<void> {
    const { model, zeroDropped, packBits } = this.#parts;
    if ('maskAxis' in edit) return hideIndices(model, edit, zeroDropped);
    if ('mask' in edit && edit.latent) return hideElements(model, edit, zeroDropped);
    const plan = await planOf(model.blueprint, edit, packBits);
    applyToModel(model, plan, { ...('mask' in edit ? { atHand: new Map([[edit.mask, edit.kept]]) } : {}), ...(zeroDropped ? { zeroDropped } : {}) });
    this.#plan = this.#plan.followedBy(plan);
  }

  sweep(...statistics: Statistic<unknown>[]): AsyncIterable<Block> {
    return this.#owning(this.#sweep(...statistics));
  }

  steps(): AsyncIterable<Step> {
    return this.#owning(this.#steps());
  }

  /** Whether an error arose in what the method asked for and not in the method. */
  raised(error: unknown): boolean {
    return error instanceof ChopError || this.#raised.has(error);
  }

  async *#owning<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* source;
    } catch (error) {
      this.#raised.add(error);
      throw error;
    }
  }

  async *#sweep(...statistics: Statistic<unknown>[]): AsyncGenerator<Block> {
    const { model, text, signal, onBlock } = this.#parts;
    if (!text && statistics.length > 0)
      throw new UsageError('SESSION_NEEDS_TEXT', {
        found: 'no calibration text',
        expected: 'text for a method that looks at activations',
        remedy: 'Give --data DATA.',
      });
    const windows = statistics.length > 0 ? await text!() : [];
    if (windows.length === 0 && statistics.length > 0)
      throw new DataError('DATA_EMPTY', { found: 'no calibration window', expected: 'at least one', remedy: 'Give more text, or a smaller --window.' });
    for (const ids of windows) checkTokenIds(model, ids);
    const layers = model.blueprint.axes.layers;
    const pass = new Pass(model);
    let hidden: tf.Tensor[] = [];
    try {
      if (windows.length > 0) {
        await this.#load(undefined);
        for (const ids of batches(windows)) hidden.push(tf.keep(tf.tidy(() => model.embed(pass, tf.tensor2d(ids, undefined, 'int32')))));
        this.#unload(undefined);
      }
      for (let at = 0; at < layers; at++) {
        throwIfAborted(signal);
        await this.#load(at);
        yield await measure(pass, at, hidden, statistics);
        if (model.blueprint.axes.layers !== layers) {
          throw new PlanError('PLAN_SWEEP', {
            found: 'a layer dropped in the middle of a sweep',
            expected: 'layers dropped before or after it',
            remedy: 'Collect the layers, and yield the edit after the loop.',
          });
        }
        renewScope();
        if (at + 1 < layers && hidden.length > 0) hidden = this.#again(pass, at, hidden);
        this.#unload(at);
        onBlock?.(at + 1, layers);
      }
    } finally {
      tf.dispose(hidden);
      pass.close();
    }
  }

  /** All windows through one layer, after its edits. */
  #again(pass: Pass, at: number, hidden: readonly tf.Tensor[]): tf.Tensor[] {
    const { model, withMasked, everywhereAlike } = this.#parts;
    const linears = model.blueprint.linears(at);
    const masked = linears.flatMap(({ name }) => (model.entry(name).mask ? [model.value(name)] : []));
    const run = (): tf.Tensor[] => hidden.map((before) => advance(model, pass, at, before));
    // Behind its last matrix, which multiplies what activations made large, a layer rounds most.
    const alike = (): tf.Tensor[] => (everywhereAlike ? everywhereAlike(run, [model.value(linears.at(-1)!.name)]) : run());
    return withMasked && masked.length > 0 ? withMasked(masked, alike) : alike();
  }

  async *#steps(): AsyncGenerator<Step> {
    const { training } = this.#parts;
    if (!training)
      throw new UsageError('METHOD_NEEDS_TRAINING', {
        found: 'a method that trains, outside training',
        expected: 'a training run around it',
        remedy: 'Use chop train --prune NAME.',
      });
    for await (const step of training.steps()) {
      yield step;
      renewScope();
    }
  }

  async #load(at: number | undefined): Promise<void> {
    const { model, checkpoint, ready, signal } = this.#parts;
    await ready?.();
    if (checkpoint) await model.load(applyToCheckpoint(checkpoint, this.#plan), (name) => model.blueprint.weight(name).at === at, signal);
  }

  #unload(at: number | undefined): void {
    const { model, checkpoint } = this.#parts;
    if (checkpoint) model.drop((name) => model.blueprint.weight(name).at === at);
  }
}

/**
 * Runs a method to its end, carrying out its edits. A method neither tidies nor disposes: whatever it makes lives in the scope opened
 * here until it asks for the next block or step (or ends), and is freed then.
 *
 * @param name - of the method, for the message.
 * @throws {@link PluginError} `METHOD_FAILED` when the method itself throws something else than an error of chop.
 */
export async function drive(edits: AsyncGenerator<Edit>, session: MethodSession, name = 'the method'): Promise<Plan> {
  tf.engine().startScope('method');
  try {
    for await (const edit of told(edits, session, name)) await session.apply(edit);
    return session.plan;
  } finally {
    tf.engine().endScope();
  }
}

async function* told(edits: AsyncGenerator<Edit>, session: MethodSession, name: string): AsyncGenerator<Edit> {
  try {
    yield* edits;
  } catch (cause) {
    if (session.raised(cause)) throw cause;
    throw new PluginError('METHOD_FAILED', {
      found: `${name} that throws: ${cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)}`,
      expected: 'edits',
      remedy: 'Tell its author; --log-level debug shows where it happened.',
      cause,
    });
  }
}

function renewScope(): void {
  tf.engine().endScope();
  tf.engine().startScope('method');
}

function nameOf(weight: Weight | string): string {
  return typeof weight === 'string' ? weight : weight.name;
}

function advance(model: Model, pass: Pass, at: number, before: tf.Tensor): tf.Tensor {
  const after = tf.keep(tf.tidy(() => model.layer(pass, at, before)));
  before.dispose();
  return after;
}

/** Tokens that go through a layer together, unless a window is longer: enough for a product to run at its best, little beside the weights. */
const TOKENS_TOGETHER = 4096;

/** How many windows go through a layer together in {@link Session.sweep}. */
export function windowsTogether(window: number): number {
  return Math.max(1, Math.floor(TOKENS_TOGETHER / window));
}

function batches(windows: readonly Int32Array[]): number[][][] {
  const together = windowsTogether(windows[0]!.length);
  return Array.from({ length: Math.ceil(windows.length / together) }, (_, i) => windows.slice(i * together, (i + 1) * together).map((ids) => [...ids]));
}

/** Thrown out of a layer's forward pass when everything in it that is to be measured has been heard. */
class AllHeard {}

/**
 * One pass of all windows through one layer, unpruned, as far as the input of its last matrix: the product with that one, and what follows, nobody
 * would look at.
 */
async function measure(pass: Pass, at: number, hidden: readonly tf.Tensor[], statistics: readonly Statistic<unknown>[]): Promise<Block> {
  const { model } = pass;
  const linears = model.blueprint.linears(at);
  const prefix = `layers.${at}.`;
  const heard = new Map<string, Accumulator<unknown>>();
  for (const before of hidden) {
    const inputs = new Map<number, { value: tf.Tensor; roles: string[] }>();
    const waiting = new Set(linears.map(({ role }) => role));
    const listening = pass.heardBy((name, value) => {
      const role = /^(.*)\.input$/.exec(name.slice(prefix.length))?.[1];
      if (!role || !waiting.delete(role)) return;
      const same = inputs.get(value.id);
      if (same) same.roles.push(role);
      else inputs.set(value.id, { value: tf.keep(value), roles: [role] });
      if (waiting.size === 0) throw new AllHeard();
    });
    try {
      tf.tidy(() => model.layer(listening, at, before));
    } catch (thrown) {
      if (!(thrown instanceof AllHeard)) throw thrown;
    }
    for (const { value, roles } of inputs.values()) {
      const features = value.shape.at(-1)!;
      const rows = tf.reshape(value, [-1, features]);
      for (const statistic of statistics) {
        const key = `${statistic.name}/${roles[0]}`;
        const accumulator = heard.get(key) ?? statistic.create(features);
        for (const role of roles) heard.set(`${statistic.name}/${role}`, accumulator);
        await accumulator.add(rows);
      }
      tf.dispose([rows, value]);
    }
  }
  return { at, linears, of: <R>(statistic: Statistic<R>, linear: Weight) => heard.get(`${statistic.name}/${linear.role}`)!.result() as R };
}
