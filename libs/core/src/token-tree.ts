import * as tf from '@tensorflow/tfjs-core';
import type { TokenTree } from './pass.js';

/** A {@link TokenTree} that a pass may walk. The caller disposes of it. */
export class OpenTree implements TokenTree {
  readonly #parents: TokenTree['parents'];
  readonly #places: Int32Array;
  readonly #asked = new Set<'parents' | 'places'>();

  /** @param parents - which token of the row stands before each in its text: an earlier one, or −1. */
  constructor(parents: readonly number[]) {
    this.#places = new Int32Array(parents.length);
    parents.forEach((parent, at) => void (this.#places[at] = parent < 0 ? 0 : this.#places[parent]! + 1));
    this.#parents = { values: Int32Array.from(parents), tensor: tf.tensor1d(parents as number[], 'int32') };
  }

  get parents(): TokenTree['parents'] {
    this.#asked.add('parents');
    return this.#parents;
  }

  get places(): Int32Array {
    this.#asked.add('places');
    return this.#places;
  }

  get understood(): boolean {
    return this.#asked.size === 2;
  }

  dispose(): void {
    this.#parents.tensor.dispose();
  }
}
