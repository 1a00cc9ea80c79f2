import type { Tensor } from '@tensorflow/tfjs-core';
import type { ZodType, z } from 'zod';
import { type Configured, type Definition, type Described, methodPlugin, type Plugin } from './plugin.js';
import type { Projection } from './projection.js';

/** What a model said of a batch, at the `n` positions that predict a token. */
export interface Outputs {
  /** Of the hidden states `[n, width]`; multiplied out they are logits `[n, vocab]`. */
  readonly projection: Projection;
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

/** A distiller with its options and the teacher that it listens to, as a script writes it: `distillLogits({ teacher: base })`. */
export interface Taught<Teacher> extends Configured<Distiller> {
  readonly teacher: Teacher;
}

/** A plugin that is also the function with which scripts give a distiller's options and its teacher. */
export type DistillerPlugin<Schema extends ZodType> = Plugin & { readonly method: Distiller<z.output<Schema>> } & (<Teacher>(
    options: z.input<Schema> & { readonly teacher: Teacher },
  ) => Taught<Teacher>);

/** A distiller as a plugin. */
export function distiller<Schema extends ZodType>(
  definition: Definition<Schema> & {
    taps?(options: z.output<Schema>): readonly string[];
    terms(inputs: LossInputs, options: z.output<Schema>): Record<string, Tensor>;
  },
): DistillerPlugin<Schema> {
  const made = methodPlugin('distiller', Distiller<z.output<Schema>>, { taps: () => [], ...definition });
  const taught = ({ teacher, ...options }: { readonly teacher: unknown }): Taught<unknown> => ({ method: made.method as Distiller, options, teacher });
  return Object.assign(taught, made) as unknown as DistillerPlugin<Schema>;
}
