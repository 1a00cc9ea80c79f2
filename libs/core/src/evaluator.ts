import type { ZodType, z } from 'zod';
import type { Checkpoint } from './checkpoint.js';
import type { Model } from './model.js';
import { type Definition, type Described, methodPlugin, type MethodPlugin } from './plugin.js';

/** A model's tokenizer, as far as evaluators need it. */
export interface TextCodec {
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  /** Ids that end a text that the model writes, {@link eosId} among them; that alone if not given. */
  readonly stopIds?: readonly number[];
  /** Ids that the tokenizer itself puts before a text. */
  readonly before: readonly number[];
  /** Ids of a text alone; special tokens in it are recognised. */
  encode(text: string): number[];
  decode(ids: ArrayLike<number>): string;
}

/** What an evaluator may use beside the model. */
export interface EvaluationContext {
  /** Token ids of the text that the options name, tokenised as one string or joined as the recipe says. */
  readonly text?: () => Promise<Int32Array>;
  readonly bosId?: number;
  readonly tokenizer?: TextCodec;
  /** UTF-8 bytes of the text that these tokens stand for. */
  readonly byteLength?: (ids: Int32Array) => number;
  /** Where the model's weights are, none of which is in memory: the model is too large. Only evaluators that visit layer by layer are given this. */
  readonly layersFrom?: Checkpoint;
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

/** An evaluator as a plugin. */
export function evaluator<Schema extends ZodType, R extends object>(
  definition: Definition<Schema> & { evaluate(model: Model, options: z.output<Schema>, context: EvaluationContext): Promise<R> },
): MethodPlugin<Evaluator<z.output<Schema>, R>, Schema> {
  return methodPlugin('evaluator', Evaluator<z.output<Schema>, R>, definition);
}
