import * as tf from '@tensorflow/tfjs-core';
import type { Model } from './model.js';

/** Where the first token of a pass stands: as a number, and as kernels read it. */
export interface Position {
  readonly value: number;
  /** int32, no axes. The same tensor for all layers of a pass. */
  readonly tensor: tf.Tensor;
}

/** Keys and values of the tokens seen so far, per layer: what decoding reuses. */
export interface KeyValueCache {
  /** Tokens in it. */
  readonly length: number;
  /** Where the next token goes: {@link length}. The tensor belongs to the cache, until tokens advance. */
  readonly position: Position;
  /**
   * Takes the new keys and values of a layer, `[batch, tokens, kv, inner]`, behind those of the tokens before. Returns all of them, which belong to the
   * cache; there may be room for more behind them, which the queries of this pass do not see.
   */
  append(at: number, k: tf.Tensor, v: tf.Tensor): { readonly k: tf.Tensor; readonly v: tf.Tensor };
  /** So many tokens have been through all layers. */
  advance(tokens: number): void;
  dispose(): void;
}

/**
 * Several texts in one row that holds what they begin with in common once: a tree of tokens. A family that gives the tokens other places than their own, or
 * lets them see others than those of their text, computes nonsense: `understood` tells.
 */
export interface TokenTree {
  /** Which token of the row stands before each in its text, −1 before a text's first: as numbers, and int32 `[tokens]`. */
  readonly parents: { readonly values: Int32Array; readonly tensor: tf.Tensor };
  /** Each token's place in its text. */
  readonly places: Int32Array;
  /** Whether the pass asked for both. */
  readonly understood: boolean;
}

/** Makes what layers share. `length`: tokens of the whole text, where they are more than those up to the end of the pass. */
export type MakeShared<T = tf.TensorContainer> = (offset: number, length?: number) => T;

/** What one walk through a model is told. */
export interface PassOptions {
  /** int32 `[batch, tokens]`: attention stays inside tokens of equal number. */
  readonly segments?: tf.Tensor;
  readonly cache?: KeyValueCache;
  /** The tokens are those of a tree: one row, without cache and segments. */
  readonly tree?: TokenTree;
  /** What is predicted after these tokens only, `[from, to)` or one by one: all by default. */
  readonly wanted?: { readonly from: number; readonly to: number } | Int32Array;
  /** How each layer is walked through, where that is more than {@link Model.layer}: training may keep a layer's input only, and walk again later. */
  readonly walk?: (at: number, hidden: tf.Tensor) => tf.Tensor;
  /** Hears every tapped value by its name (`layers.3.q.input`, `layers.3.output`, `hidden`). Costs nothing when absent. */
  readonly onTap?: (name: string, value: tf.Tensor) => void;
  /** What a tapped value goes on as: for what becomes of a model when its values are rounded on their way. */
  readonly through?: (name: string, value: tf.Tensor) => tf.Tensor;
  /** Hears what all layers share, and how it is made for a pass that begins at another position (of a text of another length: see {@link Model.longBeyond}). */
  readonly onShared?: (value: tf.TensorContainer, make: MakeShared) => void;
}

/** One walk through a model: what a family's forward functions see. */
export class Pass {
  readonly model: Model;
  readonly options: PassOptions;
  #shared = new Map<string, tf.TensorContainer>();
  /** Whether the last layer gives the wanted tokens only. */
  #narrowed = false;

  constructor(model: Model, options: PassOptions = {}) {
    this.model = model;
    this.options = options;
  }

  /** Another walk over the same tokens that somebody listens to: what layers share is made once for both. Closing this pass frees it; the other one is not closed. */
  heardBy(onTap: NonNullable<PassOptions['onTap']>): Pass {
    const heard = new Pass(this.model, { ...this.options, onTap });
    heard.#shared = this.#shared;
    return heard;
  }

  /** Position of the first token of this pass. */
  get position(): Position {
    return this.options.cache?.position ?? { value: 0, tensor: this.shared('position', () => tf.scalar(0, 'int32')) };
  }

  /** The weight of a role of the outer table. */
  weight(role: string): tf.Tensor {
    return this.model.value(this.model.blueprint.named(role));
  }

  /** Indices of an axis that count: fewer than its size only while a latent mask hides some. */
  live(axis: string): number {
    return this.model.live(axis);
  }

  tap<T extends tf.Tensor>(name: string, value: T): T {
    const { through, onTap } = this.options;
    const going = through ? (through(name, value) as T) : value;
    onTap?.(name, going);
    return going;
  }

  /** What all layers of this pass need and depends on where it begins (tables of sines …): made once, freed by {@link close}. */
  shared<T extends tf.TensorContainer>(key: string, make: MakeShared<T>): T {
    let value = this.#shared.get(key) as T | undefined;
    if (value === undefined) {
      value = tf.tidy(() => make(this.options.cache?.length ?? 0));
      for (const tensor of tensorsIn(value)) tf.keep(tensor);
      this.#shared.set(key, value);
      this.options.onShared?.(value, make);
    }
    return value;
  }

  /** Of hidden states of all tokens, as the last layer gives them, those of the wanted ones; the last layer may have chosen already. */
  wanted(hidden: tf.Tensor): tf.Tensor {
    return this.#narrowed ? hidden : chosen(hidden, this.options.wanted);
  }

  /** As {@link wanted}, for whoever is inside the last layer: from here on only these tokens go on. What is tapped is of all tokens. */
  narrow(x: tf.Tensor): tf.Tensor {
    if (this.options.onTap) return x;
    this.#narrowed = true;
    return chosen(x, this.options.wanted);
  }

  /** The walk through layer `at`. */
  layer(at: number): LayerPass {
    return new LayerPass(this, at);
  }

  close(): void {
    for (const value of this.#shared.values()) tf.dispose(value);
    this.#shared.clear();
  }
}

/** One layer's part of a {@link Pass}: weights by their role in the layer's table, taps named `layers.AT.…`. */
export class LayerPass {
  readonly pass: Pass;
  readonly at: number;

  constructor(pass: Pass, at: number) {
    this.pass = pass;
    this.at = at;
  }

  weight(role: string): tf.Tensor {
    return this.pass.model.value(this.pass.model.blueprint.named(role, this.at));
  }

  /** The weight, or `undefined` where this model has none of that role (a bias, a norm). */
  optional(role: string): tf.Tensor | undefined {
    const name = this.pass.model.blueprint.find(role, this.at);
    return name === undefined ? undefined : this.pass.model.value(name);
  }

  size(axis: string): number {
    return this.pass.model.blueprint.axes.size(axis, this.at);
  }

  /** Indices of an axis that count in this layer: see {@link Pass.live}. */
  live(axis: string): number {
    return this.pass.model.live(axis, this.at);
  }

  /**
   * Of what stands for all tokens, `[batch, tokens, …]`, what the layer goes on with behind its attention: in the last layer the tokens whose predictions are
   * wanted. A family that does not ask computes all of them.
   */
  needed(x: tf.Tensor): tf.Tensor {
    return this.at === this.pass.model.blueprint.axes.layers - 1 ? this.pass.narrow(x) : x;
  }

  tap<T extends tf.Tensor>(name: string, value: T): T {
    const { through, onTap } = this.pass.options;
    return through || onTap ? this.pass.tap(`layers.${this.at}.${name}`, value) : value;
  }
}

/** Some tokens of `[batch, tokens, …]`. */
function chosen(x: tf.Tensor, wanted: PassOptions['wanted']): tf.Tensor {
  if (wanted === undefined) return x;
  if (wanted instanceof Int32Array) return tf.gather(x, tf.tensor1d(wanted, 'int32'), 1);
  const { from, to } = wanted;
  return to - from === x.shape[1] ? x : tf.slice(x, [0, from], [-1, to - from]);
}

/** All tensors in a container, in its order. */
export function tensorsIn(value: tf.TensorContainer): tf.Tensor[] {
  if (value instanceof tf.Tensor) return [value];
  return value !== null && typeof value === 'object' ? Object.values(value as Record<string, tf.TensorContainer>).flatMap(tensorsIn) : [];
}
