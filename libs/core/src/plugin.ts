import type { Tensor } from '@tensorflow/tfjs-core';
import { ContainerModule } from 'inversify';
import type { ZodType, z } from 'zod';
import { type Family, type FamilyDefinition, makeFamily } from './family.js';
import { Distiller, type EvaluationContext, Evaluator, type LossInputs, type Needs, Pruner } from './method.js';
import type { Model } from './model.js';
import type { Edit } from './plan.js';
import type { Session } from './session.js';

/** The version of what plugins and core expect of each other. A plugin carries the one it was built with. */
export const CONTRACT = 1;

/** Keys of what the container binds: stable across copies of core. */
export const BOUND = {
  family: Symbol.for('@chop/core/Model'),
  pruner: Symbol.for('@chop/core/Pruner'),
  distiller: Symbol.for('@chop/core/Distiller'),
  evaluator: Symbol.for('@chop/core/Evaluator'),
} as const;

export type PluginKind = keyof typeof BOUND;

/** A part that `compose` can take in. */
export interface Plugin {
  readonly kind: PluginKind;
  readonly pluginName: string;
  readonly contract: number;
  readonly module: ContainerModule;
}

/** A method with its options, as a script writes it: `layerChop({ keep: 15 })`. */
export interface Configured<M> {
  readonly method: M;
  readonly options: unknown;
}

/** A plugin that is also the function with which scripts give its options. */
export type MethodPlugin<M, Schema extends ZodType> = Plugin & { readonly method: M } & (undefined extends z.input<Schema>
    ? (options?: z.input<Schema>) => Configured<M>
    : (options: z.input<Schema>) => Configured<M>);

/**
 * A family as a plugin.
 *
 * @example `export const llama = family({ name: 'llama', architectures: ['LlamaForCausalLM'], … });`
 */
export function family<S>(definition: FamilyDefinition<S>): Plugin & { readonly family: Family } {
  const made = makeFamily(definition);
  return { ...plugin('family', made.name, made), family: made };
}

/**
 * A pruner as a plugin. `needs` may depend on the options.
 *
 * @example `export const magnitude = pruner({ name: 'magnitude', description: '…', needs: 'nothing', options: z.object({}), async *plan(session) { … } });`
 */
export function pruner<Schema extends ZodType>(definition: {
  readonly name: string;
  readonly description: string;
  readonly options: Schema;
  readonly needs: Needs | ((options: z.output<Schema>) => Needs);
  plan(session: Session, options: z.output<Schema>): AsyncGenerator<Edit>;
}): MethodPlugin<Pruner<z.output<Schema>>, Schema> {
  class DefinedPruner extends Pruner<z.output<Schema>> {
    override readonly name = definition.name;
    override readonly description = definition.description;
    override readonly options = definition.options as ZodType<z.output<Schema>>;
    override needs(options: z.output<Schema>): Needs {
      return typeof definition.needs === 'function' ? definition.needs(options) : definition.needs;
    }
    override plan(session: Session, options: z.output<Schema>): AsyncGenerator<Edit> {
      return definition.plan(session, options);
    }
  }
  return methodPlugin('pruner', new DefinedPruner());
}

/** A distiller as a plugin. */
export function distiller<Schema extends ZodType>(definition: {
  readonly name: string;
  readonly description: string;
  readonly options: Schema;
  taps?(options: z.output<Schema>): readonly string[];
  terms(inputs: LossInputs, options: z.output<Schema>): Record<string, Tensor>;
}): MethodPlugin<Distiller<z.output<Schema>>, Schema> {
  class DefinedDistiller extends Distiller<z.output<Schema>> {
    override readonly name = definition.name;
    override readonly description = definition.description;
    override readonly options = definition.options as ZodType<z.output<Schema>>;
    override taps(options: z.output<Schema>): readonly string[] {
      return definition.taps?.(options) ?? [];
    }
    override terms(inputs: LossInputs, options: z.output<Schema>): Record<string, Tensor> {
      return definition.terms(inputs, options);
    }
  }
  return methodPlugin('distiller', new DefinedDistiller());
}

/** An evaluator as a plugin. */
export function evaluator<Schema extends ZodType, R extends object>(definition: {
  readonly name: string;
  readonly description: string;
  readonly options: Schema;
  evaluate(model: Model, options: z.output<Schema>, context: EvaluationContext): Promise<R>;
}): MethodPlugin<Evaluator<z.output<Schema>, R>, Schema> {
  class DefinedEvaluator extends Evaluator<z.output<Schema>, R> {
    override readonly name = definition.name;
    override readonly description = definition.description;
    override readonly options = definition.options as ZodType<z.output<Schema>>;
    override evaluate(model: Model, options: z.output<Schema>, context: EvaluationContext): Promise<R> {
      return definition.evaluate(model, options, context);
    }
  }
  return methodPlugin('evaluator', new DefinedEvaluator());
}

function plugin(kind: PluginKind, pluginName: string, value: unknown): Plugin {
  // A block body: a load function that returns a value is taken for an asynchronous one.
  const module = new ContainerModule(({ bind }) => {
    bind(BOUND[kind]).toConstantValue(value);
  });
  return { kind, pluginName, contract: CONTRACT, module };
}

function methodPlugin<M extends { readonly name: string }, Schema extends ZodType>(kind: PluginKind, method: M): MethodPlugin<M, Schema> {
  const configure = (options?: unknown): Configured<M> => ({ method, options: options ?? {} });
  return Object.assign(configure, plugin(kind, method.name, method), { method }) as unknown as MethodPlugin<M, Schema>;
}
