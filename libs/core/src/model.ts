import * as tf from '@tensorflow/tfjs-core';
import type { Blueprint } from './blueprint.js';
import { type Checkpoint, type Config, type Dtype, fromFloat32, readBytes, toFloat32 } from './checkpoint.js';
import { PlanError } from './error.js';
import type { Mask } from './mask.js';
import { Pass, type PassOptions } from './pass.js';
import type { Projection } from './projection.js';

/** One weight on the engine, and all that is cut along with it. */
export interface LiveWeight {
  readonly value: tf.Variable;
  /** What is not kept of it stays zero through training. */
  readonly mask?: LiveMask;
  /** Optimiser moments and a method's state, by name; the weight's shape. */
  readonly slots: Map<string, tf.Variable>;
}

/** The mask of a weight for good: on the engine only once somebody computes with it, since there it takes a byte for every element. */
export class LiveMask {
  readonly bits: Mask;
  #tensor: tf.Tensor | undefined;

  constructor(bits: Mask) {
    this.bits = bits;
  }

  /** bool, the weight's shape: true where an element is kept. Freed with the weight. */
  get tensor(): tf.Tensor {
    this.#tensor ??= tf.keep(tf.tensor(this.bits.unpack(), [...this.bits.shape], 'bool'));
    return this.#tensor;
  }

  dispose(): void {
    this.#tensor?.dispose();
  }
}

/**
 * A family with weights on an engine. `family()` makes the concrete class; only `apply` and the optimiser change a weight.
 * Weights are float32. A model may hold some of its layers only: the session loads and drops them block by block.
 */
export abstract class Model {
  #blueprint: Blueprint;
  #weights = new Map<string, LiveWeight>();
  /** Indices that latent masks leave, by axis key. */
  #latent = new Map<string, ArrayLike<number>>();

  constructor(blueprint: Blueprint) {
    this.#blueprint = blueprint;
  }

  /** int32 `[batch, tokens]` → hidden states `[batch, tokens, width]`. */
  abstract embed(pass: Pass, ids: tf.Tensor): tf.Tensor;
  /** Hidden states through layer `at`. */
  abstract layer(pass: Pass, at: number, hidden: tf.Tensor): tf.Tensor;
  /** Hidden states after the last layer → what the model predicts with. */
  abstract project(pass: Pass, hidden: tf.Tensor): Projection;

  get blueprint(): Blueprint {
    return this.#blueprint;
  }

  /** Tokens beyond which a text is long: all its positions are then encoded in another way, those in a cache too. `undefined`: it makes no difference. */
  get longBeyond(): number | undefined {
    return undefined;
  }

  get config(): Config {
    return this.#blueprint.config;
  }

  /** Indices that latent masks leave, by axis key. */
  get latent(): ReadonlyMap<string, ArrayLike<number>> {
    return this.#latent;
  }

  /** Logits `[batch, tokens, vocab]` (of the wanted tokens) of int32 `[batch, tokens]`. The caller owns them (or its scope does). */
  forward(ids: tf.Tensor, options: PassOptions = {}): tf.Tensor {
    return this.predict(ids, options).logits();
  }

  /** {@link forward} before it is multiplied out: the hidden states `[batch, tokens, width]` (of the wanted tokens) and the output layer. */
  predict(ids: tf.Tensor, options: PassOptions = {}): Projection {
    const pass = new Pass(this, options);
    try {
      let hidden = this.embed(pass, ids);
      for (let at = 0; at < this.#blueprint.axes.layers; at++) hidden = this.#walk(pass, at, hidden);
      const projection = this.project(pass, pass.wanted(hidden));
      pass.tap('hidden', projection.hidden);
      options.cache?.advance(ids.shape[1]!);
      return projection;
    } finally {
      pass.close();
    }
  }

  /** Through one layer. What a backward pass does not ask for is freed when the layer is left, unless somebody listens: it may keep what it hears. */
  #walk(pass: Pass, at: number, hidden: tf.Tensor): tf.Tensor {
    const { walk, onTap } = pass.options;
    if (walk) return walk(at, hidden);
    return onTap ? this.layer(pass, at, hidden) : tf.tidy(() => this.layer(pass, at, hidden));
  }

  /** Indices of an axis that count: fewer than its size while a latent mask hides some. */
  live(axis: string, at?: number): number {
    return this.#latent.get(this.#blueprint.axes.key(axis, at))?.length ?? this.#blueprint.axes.size(axis, at);
  }

  has(name: string): boolean {
    return this.#weights.has(name);
  }

  entry(name: string): LiveWeight {
    const entry = this.#weights.get(name);
    if (entry) return entry;
    this.#blueprint.weight(name);
    throw new PlanError('WEIGHT_NOT_LOADED', { found: `weight ${name} which is not in memory now`, expected: 'a weight of the block that is being visited' });
  }

  value(name: string): tf.Variable {
    return this.entry(name).value;
  }

  /** The weights of all linear maps inside the layers, which must be in memory. */
  get linears(): tf.Variable[] {
    return [...this.#blueprint.weights.values()].filter(({ linear }) => linear).map(({ name }) => this.value(name));
  }

  /** Names of the weights in memory, in the order of the blueprint. */
  get names(): string[] {
    return [...this.#blueprint.weights.keys()].filter((name) => this.#weights.has(name));
  }

  /** Brings weights into memory that are not there yet. */
  async load(checkpoint: Checkpoint, which: (name: string) => boolean = () => true, signal?: AbortSignal): Promise<void> {
    for (const weight of this.#blueprint.weights.values()) {
      if (this.#weights.has(weight.name) || !which(weight.name)) continue;
      signal?.throwIfAborted();
      const { dtype } = checkpoint.tensors.get(weight.name)!;
      this.put(weight.name, toFloat32(await readBytes(checkpoint, weight.name), dtype));
    }
  }

  /** Puts values in place of a weight that is not in memory: where models come from. */
  put(name: string, values: Float32Array): void {
    const { shape } = this.#blueprint.weight(name);
    const value = tf.tidy(() => {
      const variable = tf.variable(tf.tensor(values, [...shape], 'float32'));
      // TensorFlow.js holds an array until an op asks for it: so one does, and what was read can be reused for the next weight instead of piling up.
      tf.reshape(variable, [...shape]);
      return variable;
    });
    this.#weights.set(name, { value, slots: new Map() });
  }

  /** Frees weights and what belongs to them. */
  drop(which: (name: string) => boolean = () => true): void {
    for (const [name, entry] of this.#weights) {
      if (!which(name)) continue;
      disposeEntry(entry);
      this.#weights.delete(name);
    }
  }

  /** For `apply` alone: the state after a cut, as a whole. Entries that are not taken over have been disposed of by the caller. */
  become(blueprint: Blueprint, weights: Map<string, LiveWeight>, latent: Map<string, ArrayLike<number>>): void {
    this.#blueprint = blueprint;
    this.#weights = weights;
    this.#latent = latent;
  }

  /** For `apply` alone: one weight after an edit that leaves its shape as it was. What is not taken over has been disposed of by the caller. */
  exchange(name: string, entry: LiveWeight): void {
    this.#weights.set(name, entry);
  }

  /** For `apply` alone, and for going on from a snapshot: the indices of an axis, by its key, that a latent mask leaves. `undefined`: there is none. */
  setLatent(key: string, left: ArrayLike<number> | undefined): void {
    if (left) this.#latent.set(key, left);
    else this.#latent.delete(key);
  }

  /** The model as a checkpoint in `dtype`, its weights read from the engine one at a time. */
  asCheckpoint(source: Pick<Checkpoint, 'source' | 'companions'>, dtype: Dtype = 'F32'): Checkpoint {
    const tensors = new Map([...this.#blueprint.weights.values()].map(({ name, shape }) => [name, { name, shape, dtype }]));
    const value = (name: string): tf.Variable => this.value(name);
    return {
      source: source.source,
      config: this.config,
      companions: source.companions,
      tensors,
      async *stream(name, from = 0, to) {
        yield fromFloat32((await value(name).data()) as Float32Array, dtype).subarray(from, to);
      },
      async close() {},
    };
  }
}

/** Frees what belongs to one weight. */
export function disposeEntry({ value, mask, slots }: LiveWeight): void {
  tf.dispose([value, ...slots.values()]);
  mask?.dispose();
}
