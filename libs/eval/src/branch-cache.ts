import type { KeyValueCache, Position } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';

/** Keys and values of texts' beginnings, from which several rows go on. */
export class BranchCache {
  readonly #layers = new Map<number, { readonly k: tf.Tensor; readonly v: tf.Tensor }>();
  #length = 0;

  /** What the pass over the beginnings is given: it keeps their keys and values. */
  recorder(): KeyValueCache {
    const layers = this.#layers;
    const grow = (tokens: number): void => void (this.#length += tokens);
    return new Walk(
      0,
      (at, k, v) => {
        layers.set(at, { k: tf.keep(tf.clone(k)), v: tf.keep(tf.clone(v)) });
        return { k, v };
      },
      grow,
    );
  }

  /**
   * What a pass over rows is given that go on from the beginnings.
   * @param beginnings - which one, for every row.
   */
  branches(beginnings: readonly number[]): KeyValueCache {
    const rows = Int32Array.from(beginnings);
    const behind = (before: tf.Tensor, fresh: tf.Tensor): tf.Tensor => tf.tidy(() => tf.concat([tf.gather(before, tf.tensor1d(rows, 'int32')), fresh], 1));
    return new Walk(this.#length, (at, k, v) => {
      const before = this.#layers.get(at)!;
      return { k: behind(before.k, k), v: behind(before.v, v) };
    });
  }

  dispose(): void {
    for (const { k, v } of this.#layers.values()) tf.dispose([k, v]);
    this.#layers.clear();
  }
}

/** A cache for one walk through the model. */
class Walk implements KeyValueCache {
  readonly length: number;
  readonly position: Position;
  readonly append: KeyValueCache['append'];
  readonly #grow: (tokens: number) => void;

  constructor(length: number, append: KeyValueCache['append'], grow: (tokens: number) => void = () => {}) {
    this.length = length;
    this.position = { value: length, tensor: tf.scalar(length, 'int32') };
    this.append = append;
    this.#grow = grow;
  }

  advance(tokens: number): void {
    this.#grow(tokens);
  }

  dispose(): void {
    this.position.tensor.dispose();
  }
}
