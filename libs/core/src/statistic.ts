import type { Tensor } from '@tensorflow/tfjs-core';

/** Gathers what a method wants to know of one linear layer's input over all calibration text. */
export interface Accumulator<R> {
  /** Input `[tokens, in]` of some windows. Borrowed: copy what must last. */
  add(input: Tensor): void | Promise<void>;
  /** The statistic over everything added so far; a tensor in it belongs to the scope of the method. */
  result(): R;
}

/** A way of gathering; `session.sweep(inputNorms)` runs one accumulator per distinct input of each block. */
export interface Statistic<R> {
  readonly name: string;
  create(features: number): Accumulator<R>;
}
