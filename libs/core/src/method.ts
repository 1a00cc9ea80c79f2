import type { Tensor } from '@tensorflow/tfjs-core';
import type { ZodType } from 'zod';
import type { Model } from './model.js';
import type { Edit } from './plan.js';
import type { Session } from './session.js';

/** What a method must be given: nothing but the model, calibration text, or a training run around it. */
export type Needs = 'nothing' | 'text' | 'training';

/** What every method tells of itself. One schema gives its options' type, check, flags, defaults and docs. */
export interface Described<O> {
  readonly name: string;
  /** One sentence, with the paper. */
  readonly description: string;
  readonly options: ZodType<O>;
}

/** A method that yields edits. It owns its loop and never touches a weight. */
export abstract class Pruner<O = unknown> implements Described<O> {
  abstract readonly name: string;
  abstract readonly description: string;
  abstract readonly options: ZodType<O>;
  abstract needs(options: O): Needs;
  abstract plan(session: Session, options: O): AsyncGenerator<Edit>;
}

/** What a model said of a batch, at the `n` positions that predict a token. */
export interface Outputs {
  /** float32 `[n, vocab]`. */
  readonly logits: Tensor;
  /** The values that the distiller asked for, by tap name. */
  readonly taps: ReadonlyMap<string, Tensor>;
}

/** What the terms of a loss are made of. `weights`: float32 `[n]`, 0 where a position does not count; absent when all do. */
export interface LossInputs {
  /** The language-modelling loss, a scalar. */
  readonly lm: Tensor;
  readonly student: Outputs;
  readonly teacher: Outputs;
  readonly weights?: Tensor;
}

/** A method that gives a loss: the named terms are summed. The teacher gets no gradient. */
export abstract class Distiller<O = unknown> implements Described<O> {
  abstract readonly name: string;
  abstract readonly description: string;
  abstract readonly options: ZodType<O>;
  abstract taps(options: O): readonly string[];
  abstract terms(inputs: LossInputs, options: O): Record<string, Tensor>;
}

/** What an evaluator may use beside the model. */
export interface EvaluationContext {
  /** Token ids of the text that the options name, tokenised as one string or joined as the recipe says. */
  readonly text?: () => Promise<Int32Array>;
  readonly bosId?: number;
  /** UTF-8 bytes of the text that these tokens stand for. */
  readonly byteLength?: (ids: Int32Array) => number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** A model in, numbers out. It changes neither the model nor anybody's random numbers. */
export abstract class Evaluator<O = unknown, R extends object = object> implements Described<O> {
  abstract readonly name: string;
  abstract readonly description: string;
  abstract readonly options: ZodType<O>;
  abstract evaluate(model: Model, options: O, context: EvaluationContext): Promise<R>;
}
